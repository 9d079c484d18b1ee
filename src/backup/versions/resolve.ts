/**
 * Reading a file of a version, with no lock, right also while a commit runs (docs/store.md 5 and 10).
 *
 * Read the head, find the places where the content may be, open the first that is there, read the head again: another generation, once more.
 * An open file never changes. A file of the folder counts only when it is what the catalog expects; other bytes are never returned.
 */
import { IbkError } from '../../errors.js';
import { openSqlite } from '../../io/sqlite.js';
import type { FileIdentity } from '../disk/file-identity.js';
import { type FilePlace, type Located, parentOf, placeOf, type ReadableFile } from '../disk/file-system.js';
import { Catalog, type CatalogLine } from '../records/catalog.js';
import { hasLines, listPath } from '../records/catalog-sync.js';
import { readChangeList } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import { findList } from '../records/find-list.js';
import { headGenerations, readHead } from '../records/head.js';
import type { Head } from '../records/head-record.js';
import { isSameFile } from '../records/identity.js';
import { STATUS_PLIST } from '../records/names.js';
import { compareSeals, takeSeal } from '../records/seal.js';
import { openKept } from './kept-content.js';
import {
  baseOf,
  decidingLine,
  describesFolder,
  expectedInFolder,
  identityIn,
  isKept,
  type PendingFile,
  type View,
} from './view.js';

const MOST_TRIES = 50;

/** `lost`: this version had the file, and another program overwrote or removed it. */
export type Reading =
  | { readonly state: 'found'; readonly file: ReadableFile; readonly expected: FileIdentity | null }
  | { readonly state: 'absent' }
  | { readonly state: 'lost' }
  | { readonly state: 'no_version' };

export class VersionReader {
  readonly #ctx: StoreContext;
  #head: Head | undefined;
  #view: View | undefined;

  constructor(ctx: StoreContext) {
    this.#ctx = ctx;
  }

  close(): void {
    this.#dropView();
  }

  /** The head that counts now. */
  head(): Head | undefined {
    const { fs, layout } = this.#ctx;
    const [highest] = headGenerations(fs, layout);
    if (highest === undefined) return undefined;
    if (this.#head?.gen !== highest) this.#head = readHead(fs, layout);
    return this.#head;
  }

  /** What the folder should hold at `path`; undefined for nothing, and where that is not known. */
  expectedInFolder(path: string): FileIdentity | undefined {
    const head = this.head();
    const expected = head === undefined ? null : expectedInFolder(this.#viewOf(head), path);
    return expected === null || expected === 'unknown' ? undefined : expected;
  }

  /**
   * Has the content of a path changed between two versions, by what was recorded of them? Undefined where that is not known: something is being
   * written, or one of them is none of this store.
   */
  hasChanged(one: string, other: string, path: string): boolean | undefined {
    const head = this.head();
    if (head === undefined || head.op !== null) return undefined;
    if (!isKept(head, one) || !isKept(head, other)) return undefined;
    const view = this.#viewOf(head);
    const [was, is] = [identityIn(view, one, path), identityIn(view, other, path)];
    if (was === 'unknown' || is === 'unknown') return undefined;
    if (was === null || is === null) return was !== is;
    if (was.size !== is.size) return true;
    return was.sha256 === null || is.sha256 === null ? was.mtimeUs !== is.mtimeUs : was.sha256 !== is.sha256;
  }

  /** What was recorded of a file of a version; undefined where it has none, or that is not known now. */
  identityOf(version: string, path: string): FileIdentity | undefined {
    const head = this.head();
    if (head === undefined || head.op !== null || !isKept(head, version)) return undefined;
    const identity = identityIn(this.#viewOf(head), version, path);
    return identity === 'unknown' || identity === null ? undefined : identity;
  }

  /** @throws IbkError `in_use`: the store changed all the time; `damaged`: its records cannot be read */
  open(version: string, path: string): Reading {
    const steps = this.opening(version, path);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  /** Where many files lie, for a look at the head instead of two for each. Undefined while something is written, and where only lists are there to tell. */
  locate(version: string, paths: readonly string[]): Located | undefined {
    const head = this.head();
    if (head === undefined || head.op !== null) return undefined;
    if (!isKept(head, version)) return undefined;
    const view = this.#viewOf(head);
    const { folder } = view;
    if (folder === undefined || folder !== view.lines) return undefined;
    return folder.together(() => {
      if (!describesFolder(folder, head)) return undefined;
      const places = paths.map((path) => this.#place(folder, decidingLine(view, version, path), version, path));
      return { places, holds: () => this.head()?.gen === head.gen };
    });
  }

  /** Of the bytes that lie there. Null: nobody took one, or the records cannot tell just now. */
  checksums(version: string, paths: readonly string[]): readonly (string | null)[] {
    const head = this.head();
    const known = head !== undefined && isKept(head, version);
    const view = known && head.op === null ? this.#viewOf(head) : undefined;
    const folder = view?.folder;
    if (view === undefined || folder === undefined) return paths.map(() => null);
    const identity = (path: string) => {
      const line = decidingLine(view, version, path);
      return line === undefined ? folder.file(path) : line.old;
    };
    return folder.together(() => paths.map((path) => identity(path)?.sha256 ?? null));
  }

  #place(folder: Catalog, line: CatalogLine | undefined, version: string, path: string): FilePlace | undefined {
    const { fs, layout } = this.#ctx;
    const identity = line === undefined ? folder.stamp(path) : line.kind === 'stored' ? line.old : null;
    if (identity === null || identity === undefined) return undefined;
    const place = line === undefined ? layout.inFolder(path) : layout.slot(line.at ?? version, path);
    return placeOf(fs, place, { sizeBytes: identity.size, mtimeUs: identity.mtimeUs });
  }

  /** As `open`, in steps: at each one a writer may do something. */
  *opening(version: string, path: string): Generator<void, Reading> {
    let failure: unknown;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      yield;
      const head = this.head();
      if (head === undefined) return { state: 'no_version' };
      if (!isKept(head, version)) return { state: 'no_version' };
      let reading: Reading | 'again';
      try {
        reading = yield* this.#attempt(this.#viewOf(head), version, path);
      } catch (error) {
        // A list that was moved or forgotten between two looks; the next try sees why.
        failure = error;
        this.#dropView();
        continue;
      }
      yield;
      if (reading === 'again') continue;
      if (this.head()?.gen === head.gen) return reading;
      if (reading.state === 'found') reading.file.close();
    }
    if (failure instanceof IbkError) throw failure;
    throw new IbkError('in_use', 'The store changed all the time while it was read.', {
      reason: 'reader_starved',
      cause: failure,
    });
  }

  *#attempt(view: View, version: string, path: string): Generator<void, Reading | 'again'> {
    const { fs, layout } = this.#ctx;
    const place = layout.inFolder(path);
    const line = decidingLine(view, version, path);
    if (line !== undefined) {
      if (line.kind === 'absent') return { state: 'absent' };
      yield;
      const file = openKept(this.#ctx, line.at ?? version, path, line.old);
      return file === undefined ? { state: 'lost' } : { state: 'found', file, expected: line.old };
    }
    const { op } = view.head;
    const pending = view.pending.get(path);
    const at = op?.t === 'commit' ? op.out : op?.t === 'promote' ? (pending?.at ?? null) : null;
    if (pending?.old === null && (op?.t === 'promote' || at !== null)) return { state: 'absent' };
    const old = pending?.old;
    if (old === undefined || old === null || at === null) return yield* this.#fromFolder(view, path);
    // The old file is on its way from the folder to the outgoing version, or back: look there, here, and there again.
    const target = layout.slot(at, path);
    yield;
    const before = fs.open(target);
    if (before !== undefined) return { state: 'found', file: before, expected: old };
    yield;
    const here = fs.open(place);
    if (here !== undefined && isSameFile(here, old)) {
      yield;
      if (op?.t === 'promote' || fs.stat(target) === undefined) return { state: 'found', file: here, expected: old };
      here.close();
      return 'again';
    }
    here?.close();
    yield;
    // Of a promotion also where it was put since another program had taken its place.
    const after =
      fs.open(target) ?? (op?.t === 'promote' ? fs.open(layout.slot(baseOf(view, version), path)) : undefined);
    return after === undefined ? { state: 'lost' } : { state: 'found', file: after, expected: old };
  }

  *#fromFolder(view: View, path: string): Generator<void, Reading> {
    const { fs, layout } = this.#ctx;
    const expected = expectedInFolder(view, path);
    yield;
    if (expected === null) return { state: 'absent' };
    const file = fs.open(layout.inFolder(path));
    if (file === undefined) return { state: expected === 'unknown' ? 'absent' : 'lost' };
    if (expected === 'unknown') {
      if (!this.#mayHaveChanged(view, path)) return { state: 'found', file, expected: null };
      file.close();
      return { state: 'lost' };
    }
    if (isSameFile(file, expected)) return { state: 'found', file, expected };
    file.close();
    return { state: 'lost' };
  }

  /** With no catalog to tell, only the seal can: a folder that another program wrote into since then holds files of unknown origin. */
  #mayHaveChanged(view: View, path: string): boolean {
    // During an operation of our own the seal is out of date.
    if (view.head.seal === null || (view.head.op !== null && view.head.op.t !== 'rm')) return false;
    const difference = compareSeals(view.head.seal, takeSeal(this.#ctx));
    if (typeof difference === 'string') return difference === 'all';
    return difference.has(parentOf(path).split('/')[0] ?? '');
  }

  #viewOf(head: Head): View {
    const known = this.#view?.head === head ? this.#view : undefined;
    if (known?.folder !== undefined) return known;
    // A writer may have made the catalog anew meanwhile, without a new head.
    const folder = this.#ownCatalog(head);
    if (known !== undefined && folder === undefined) return known;
    this.#dropView();
    // While a version is being forgotten the catalog's lines lag behind, but not what it says of the folder.
    const lines = folder !== undefined && hasLines(folder, head) ? folder : this.#linesOnly(head);
    const { op } = head;
    const pending = new Map<string, PendingFile>();
    if (op?.t === 'commit' || op?.t === 'adopt') {
      for (const { p, old } of readChangeList(this.#ctx.fs, findList(this.#ctx, op), op.listSha256))
        pending.set(p, { old, at: op.out });
    }
    if (op?.t === 'promote' && head.current !== null) {
      const { id } = head.current;
      for (const { p, old, at } of readChangeList(
        this.#ctx.fs,
        listPath(this.#ctx, { id, delta: op.list }),
        op.listSha256,
      ))
        pending.set(p, { old, at });
      // Both versions have the same one: it waits outside the folder all the same.
      const status = pending.has(STATUS_PLIST) ? undefined : (folder ?? lines).file(STATUS_PLIST);
      if (status !== undefined) pending.set(STATUS_PLIST, { old: status, at: id });
    }
    this.#view = { head, lines, folder, pending };
    return this.#view;
  }

  /** The store's catalog, if it is there and describes the folder as it is at this head. */
  #ownCatalog(head: Head): Catalog | undefined {
    const { fs, layout } = this.#ctx;
    try {
      const handle = fs.openDatabase(layout.inOwn('catalog.db'), 'read');
      if (handle === undefined) return undefined;
      try {
        const catalog = new Catalog(handle, 'read');
        if (describesFolder(catalog, head)) return catalog;
      } catch {
        // Damaged, or in need of a repair that readers don't do.
      }
      handle.close();
    } catch {
      // As above.
    }
    return undefined;
  }

  /** Without a usable catalog: the lists, once for each generation. */
  #linesOnly(head: Head): Catalog {
    const catalog = temporaryCatalog();
    let seq = 0;
    for (const entry of head.chain) {
      seq += 1;
      catalog.addVersion(seq, entry.id, entry.delta);
      for (const line of readChangeList(this.#ctx.fs, listPath(this.#ctx, entry), entry.listSha256)) {
        catalog.addLine(seq, line);
        catalog.setFile(line.p, line.new);
      }
    }
    for (const edit of head.edits) {
      const own = catalog.nextEdit();
      catalog.addVersion(own, edit.id, edit.delta);
      for (const line of readChangeList(this.#ctx.fs, listPath(this.#ctx, edit), edit.listSha256))
        catalog.addLine(own, line);
    }
    return catalog;
  }

  #dropView(): void {
    this.#view?.lines.close();
    if (this.#view?.folder !== this.#view?.lines) this.#view?.folder?.close();
    this.#view = undefined;
  }
}

/** Spills to a temporary file of SQLite's when it grows. */
function temporaryCatalog(): Catalog {
  const db = openSqlite('');
  return new Catalog({ db, saved: () => {}, close: () => db.close() });
}
