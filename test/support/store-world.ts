/**
 * Random histories of a store on a disk that crashes, and the oracle that knows what each version must hold (store.md 11).
 *
 * Operations: backup (adds, changes, removals, moves, equal content sent again; flat and folder paths), forget, a backup that is taken in, as the newest or below all, a changed copy,
 * also of a copy; another program's backup or damage, a lost catalog; a full disk at a random change, a crash at one, crashes inside recovery, another program between crash and recovery; readers that run step by step
 * between the writer's changes. Checked: I1 to I7 and I9.
 */
import { createHash } from 'node:crypto';
import type { Head } from '../../src/backup/records/head-record.js';
import type { Reading, VersionReader } from '../../src/backup/versions/resolve.js';
import { Crash, type CrashKind, MemoryFileSystem, Violation } from './memory-file-system.js';
import { memorySource } from './memory-source.js';
import { Random } from './random.js';
import type { StoreEngine } from './store-engine.js';

const UDID = '00008110-00112233aabbccdd';
const hex = (start: string) => start.padEnd(40, '0');
export const METADATA = ['Info.plist', 'Manifest.db', 'Status.plist'];
/** The last lies flat, as before iOS 10. */
export const PAYLOADS = [`aa/${hex('aa1')}`, `aa/${hex('aa2')}`, `bb/${hex('bb3')}`, `bb/${hex('bb4')}`, hex('05')];
const ALL = [...PAYLOADS, ...METADATA];

type Tree = ReadonlyMap<string, string>;

interface LiveReader {
  readonly version: string;
  readonly path: string;
  readonly reader: VersionReader;
  readonly steps: Generator<void, Reading>;
}

export interface WorldOptions {
  readonly kinds?: readonly CrashKind[];
  /** Interleave readers, and look at the folder during operations. */
  readonly live?: boolean;
  readonly foreign?: boolean;
  /** Backups are taken in, and changed copies made. */
  readonly moving?: boolean;
}

export interface WorldCounts {
  operations: number;
  crashes: number;
  crashesInRecovery: number;
  reads: number;
  liveReads: number;
  lostReads: number;
  /** That a reader told of. */
  places: number;
  checks: number;
  /** Manifests that lay there packed when all was checked. */
  packed: number;
  foreign: number;
  lostCatalogs: number;
  diskFailures: number;
}

type Pending =
  | { readonly t: 'backup'; readonly tree: Tree }
  /** In a folder of its own. */
  | { readonly t: 'beside'; readonly tree: Tree }
  | { readonly t: 'forget'; readonly id: string }
  | undefined;

export class StoreWorld {
  readonly random: Random;
  readonly fs: MemoryFileSystem;
  readonly counts: WorldCounts = {
    operations: 0,
    crashes: 0,
    crashesInRecovery: 0,
    reads: 0,
    liveReads: 0,
    lostReads: 0,
    places: 0,
    checks: 0,
    packed: 0,
    foreign: 0,
    lostCatalogs: 0,
    diskFailures: 0,
  };
  readonly kind: CrashKind;
  readonly trace: string[] = [];
  foreignAllowed: boolean;
  readonly #engine: StoreEngine;
  readonly #live: boolean;
  readonly #moving: boolean;
  readonly #want = new Map<string, Tree>();
  readonly #lost = new Set<string>();
  readonly #unfinished = new Set<string>();
  /** Forgotten, and a copy still needs them. */
  #hidden: ReadonlySet<string> = new Set();
  #visible = new Set<string>();
  #current: string | undefined;
  /** Files of it were overwritten in place, and nobody knows yet. */
  #overwritten: string | undefined;
  #readers: LiveReader[] = [];
  /** Readers keep what they learnt of a generation. */
  #idle: VersionReader[] = [];
  #pending: Pending;
  #dirty = false;
  #refusals = 0;
  #number = 0;
  #clock = Date.UTC(2026, 10, 21, 7);

  constructor(engine: StoreEngine, seed: number, options: WorldOptions = {}) {
    this.#engine = engine;
    this.random = new Random(seed);
    this.kind = this.random.choice(options.kinds ?? ['kill', 'ordered', 'unordered']);
    this.fs = new MemoryFileSystem(this.random, this.kind !== 'unordered', this.random.chance(0.5));
    this.#live = options.live ?? true;
    this.#moving = options.moving ?? false;
    this.foreignAllowed = options.foreign ?? true;
    this.fs.makeDirectory('root-is-here');
    this.fs.removeDirectory('root-is-here');
    this.fs.settle();
  }

  get versions(): number {
    return this.#want.size;
  }

  context() {
    const { context, layout } = this.#engine;
    return context.storeContext(this.fs, new layout.StoreLayout(UDID), {
      now: () => {
        this.#clock += 1000;
        return this.#clock;
      },
      newShortId: () =>
        `k${this.random
          .below(10 ** 7)
          .toString()
          .padStart(7, '0')}`,
      describe: (read) => ({ date: undefined, complete: read('Status.plist', 1024) !== undefined }),
      pause: () => undefined,
      leastPackedBytes: 100,
    });
  }

  /** One random operation, and everything is checked after it; a crash in it is recovered from. */
  async step(): Promise<void> {
    this.counts.operations += 1;
    const what = this.random.next();
    this.fs.hook = this.#live ? () => this.#between() : undefined;
    if (what < 0.1 && this.foreignAllowed && this.#want.size > 0) {
      this.fs.hook = undefined;
      this.trace.push('foreign');
      this.#foreign();
      await this.recover();
      return;
    }
    try {
      if (this.#moving && this.#want.size > 0 && this.random.chance(0.4)) await this.#move();
      else if (what < 0.7 || this.#want.size === 0) await this.backup();
      else if (what < 0.92 && (this.#want.size > 1 || this.random.chance(0.1))) await this.forget();
      else await this.#open();
    } catch (error) {
      if (isFullDisk(error)) this.gaveUp();
      else if (error instanceof Crash) this.crash();
      else throw error;
      await this.recover();
      return;
    }
    await this.succeeded();
  }

  /** What was reported as success survives whatever comes next. */
  async succeeded(): Promise<void> {
    this.fs.crashAt = undefined;
    this.fs.failAt = undefined;
    this.fs.hook = undefined;
    const { fs, layout } = this.context();
    const head = this.#engine.head.readHead(fs, layout);
    if (head === undefined) throw new Violation('no head after success');
    this.#settle(head);
    const must = [...this.#want.keys()];
    if (this.random.chance(0.3)) {
      this.crash();
      await this.recover();
      const lost = must.find((id) => !this.#want.has(id) && !this.#unfinished.has(id));
      if (lost !== undefined) throw new Violation(`success of ${lost}, then it was gone`);
    } else this.#check(head);
  }

  /** Something overwrites files of the newest backup where no folder's time tells, and the device sends everything, some of it as it was (mend.ts). */
  async meetOverwritten(): Promise<void> {
    const { layout } = this.context();
    const before = new Map(this.#want.get(this.#current ?? ''));
    const { crashAt, operations } = this.fs;
    this.fs.crashAt = undefined;
    for (const path of PAYLOADS) {
      const old = before.get(path);
      if (old === undefined || this.random.chance(0.3)) continue;
      this.#lost.add(old);
      this.fs.overwriteInPlace(layout.inFolder(path), Buffer.from(garbage(old)));
    }
    this.#overwritten = this.#current;
    this.fs.operations = operations;
    this.fs.crashAt = crashAt;
    await this.backup(before);
  }

  /** @param whole what the device knows to have sent: it sends all of it again, not only what changed */
  async backup(whole?: Tree): Promise<void> {
    const { commit, overlay: overlays } = this.#engine;
    const ctx = this.context();
    const { head, catalog } = await this.#engine.recovery.recoverStore(ctx);
    try {
      if (head.current?.id !== this.#current) this.#settle(head);
      const before = whole ?? this.#treeOfFolder();
      const overlay = new overlays.Overlay(ctx, catalog);
      try {
        const tree = this.#play(overlay, before, whole !== undefined);
        this.#pending = { t: 'backup', tree };
        this.trace.push(`backup of ${tree.size}`);
        const { result } = await commit.commitOverlay(ctx, catalog, head, overlay, { date: this.#clock });
        this.#want.set(result.version.id, tree);
        this.#current = result.version.id;
      } finally {
        overlay.close();
      }
    } finally {
      catalog.close();
    }
  }

  #move(): Promise<void> {
    const which = this.random.next();
    if (which < 0.5 || this.#current === undefined) return this.edit();
    return this.takeIn(which < 0.75 ? 'oldest' : 'newest');
  }

  /** Another backup of the device, partly as that which it comes beside. */
  async takeIn(as: 'newest' | 'oldest'): Promise<void> {
    const { commit, overlay: overlays, takeIn } = this.#engine;
    const ctx = this.context();
    const { head, catalog } = await this.#engine.recovery.recoverStore(ctx);
    try {
      this.#settle(head);
      const beside = as === 'newest' ? this.#current : (head.chain[0]?.id ?? this.#current);
      const tree = this.#another(this.#want.get(beside ?? '') ?? new Map());
      const source = memorySource(tree, this.random.chance(0.5));
      this.trace.push(`take in the ${as}`);
      if (as === 'oldest') {
        this.#pending = { t: 'beside', tree };
        const told = { date: Date.UTC(2020, 0, 1), ios: null, encrypted: null };
        const { chain } = await takeIn.takeInBelow(ctx, catalog, head, source, told, {});
        this.#want.set(chain[0]?.id ?? '', tree);
        return;
      }
      this.#pending = { t: 'backup', tree };
      const overlay = new overlays.Overlay(ctx, catalog);
      try {
        await takeIn.layOver(ctx, catalog, overlay, source, {});
        const { result } = await commit.commitOverlay(ctx, catalog, head, overlay, { date: this.#clock });
        this.#want.set(result.version.id, tree);
        this.#current = result.version.id;
      } finally {
        overlay.close();
      }
    } finally {
      catalog.close();
    }
  }

  /** A changed copy. @param what of any version, also of one that is a copy; `older`: of one below the newest */
  async edit(what: 'any' | 'older' = 'any'): Promise<void> {
    const ctx = this.context();
    const { head, catalog } = await this.#engine.recovery.recoverStore(ctx);
    try {
      this.#settle(head);
      const { random } = this;
      const all = [...this.#want.keys()].filter((id) => !this.#hidden.has(id));
      const of = what === 'any' ? random.choice(all) : (head.chain.at(-1)?.id ?? '');
      const tree = new Map(this.#want.get(of));
      const changes = new Map<string, AsyncIterable<Buffer> | null>();
      for (const path of [...PAYLOADS.filter(() => random.chance(0.4)), 'Manifest.db', 'Info.plist']) {
        const isNone = PAYLOADS.includes(path) && random.chance(0.3);
        const content = isNone ? null : path === 'Manifest.db' ? this.#manifest() : `e${this.#fresh()}`;
        changes.set(path, content === null ? null : pieces(content));
        if (content === null) tree.delete(path);
        else tree.set(path, content);
      }
      this.trace.push(`edit ${of}`);
      this.#pending = { t: 'beside', tree };
      const { entry } = await this.#engine.edit.editVersion(ctx, catalog, head, of, changes);
      this.#want.set(entry.id, tree);
    } finally {
      catalog.close();
    }
  }

  /** @param which one by chance; `base`: what the first copy is of; `copy`: that */
  async forget(which?: 'newest' | 'base' | 'copy'): Promise<void> {
    const ctx = this.context();
    const opened = await this.#engine.recovery.recoverStore(ctx);
    try {
      const { chain, current, edits } = opened.head;
      const kept = [...chain, ...(current === null ? [] : [current])];
      const ids = [...kept.filter(({ hidden }) => !hidden), ...edits].map(({ id }) => id);
      if (ids.length === 0) return;
      const named = { newest: kept.at(-1)?.id, base: edits[0]?.base, copy: edits[0]?.id };
      const id = which === undefined ? this.random.choice(ids) : (named[which] ?? '');
      this.trace.push(`forget ${ids.indexOf(id)} of ${ids.length}`);
      this.#pending = { t: 'forget', id };
      this.#visible.delete(id);
      const { promote, recovery, retire } = this.#engine;
      const isCurrent = id === current?.id;
      const head = await (isCurrent
        ? promote.retireCurrent(ctx, opened.head)
        : retire.retireVersion(ctx, opened.head, id));
      const done = await recovery.runPending(ctx, opened.catalog, head, false);
      const sealed = done.seal === null ? await recovery.reseal(ctx, done) : done;
      const base = retire.unneededBase(sealed);
      if (base !== undefined)
        await recovery.runPending(ctx, opened.catalog, await retire.retireVersion(ctx, sealed, base), false);
    } catch (error) {
      // Not by its class: an engine with a defect has modules of its own.
      if (!(error instanceof Error) || !('reason' in error) || !['lost', 'base'].includes(`${error.reason}`))
        throw error;
      this.trace.push('refused');
      this.#pending = undefined;
    } finally {
      opened.catalog.close();
    }
  }

  /** Another program writes, and the next start finds it. */
  async meetForeign(): Promise<void> {
    this.fs.hook = undefined;
    const { crashAt } = this.fs;
    this.#foreign();
    this.fs.operations = 0;
    this.fs.crashAt = crashAt;
    await this.#open();
  }

  async #open(): Promise<Head> {
    const { head, catalog } = await this.#engine.recovery.recoverStore(this.context());
    catalog.close();
    return head;
  }

  /** The disk was full: the operation gave up, the process lives. */
  gaveUp(): void {
    this.fs.hook = undefined;
    this.fs.crashAt = undefined;
    this.counts.diskFailures += 1;
    this.#checkFolder('after a full disk');
  }

  crash(kind?: CrashKind): void {
    this.fs.hook = undefined;
    this.#readers = [];
    this.#idle = [];
    this.fs.crash(kind ?? this.random.choice(['kill', this.kind]));
    this.counts.crashes += 1;
    this.#checkFolder('after a crash');
    // Assumption F4, of damage too: without a catalog what lies there is all that is known.
    const mayLoseCatalog = !this.#dirty && this.#overwritten === undefined;
    if (mayLoseCatalog && this.random.chance(0.04) && this.#loseCatalog()) return;
    if (this.foreignAllowed && this.random.chance(0.12)) this.#foreign();
  }

  /** Recovers, crashing that too, until it succeeds. */
  async recover(): Promise<Head> {
    for (;;) {
      this.fs.hook = this.#live ? () => this.#between() : undefined;
      this.fs.operations = 0;
      this.fs.crashAt = this.random.chance(0.4) ? 1 + this.random.below(50) : undefined;
      this.fs.failAt = this.random.chance(0.05) ? 1 + this.random.below(50) : undefined;
      try {
        return await this.recoverOnce();
      } catch (error) {
        if (isFullDisk(error)) {
          this.gaveUp();
          continue;
        }
        if (!(error instanceof Crash)) throw error;
        this.counts.crashesInRecovery += 1;
        this.crash();
      }
    }
  }

  async recoverOnce(): Promise<Head> {
    const head = await this.#open();
    this.fs.crashAt = undefined;
    this.fs.failAt = undefined;
    this.fs.hook = undefined;
    this.#settle(head);
    this.#check(head);
    return head;
  }

  // ---- the device

  #play(overlay: InstanceType<StoreEngine['overlay']['Overlay']>, before: Tree, isWhole: boolean): Tree {
    const { random } = this;
    const tree = new Map(before);
    const send = (path: string, content: string): void => {
      const through = random.chance(0.5) ? `Snapshot/${path}` : path;
      const writer = overlay.begin(through);
      writer.write(Buffer.from(content));
      overlay.place(through, writer);
      if (through !== path) overlay.move(through, path);
      tree.set(path, content);
    };
    for (const path of PAYLOADS) {
      const chance = random.next();
      const content = tree.get(path);
      if (content !== undefined && (isWhole ? chance < 0.7 : random.chance(0.2))) send(path, content);
      else if ((content === undefined && chance < 0.5) || chance < 0.3)
        send(path, random.chance(0.85) ? this.#fresh() : 'same');
      else if (chance > 0.85) {
        overlay.remove(path);
        tree.delete(path);
      } else if (isWhole) send(path, this.#fresh());
      else if (chance > 0.82 && content !== undefined) {
        const to = random.choice(PAYLOADS);
        if (to !== path) {
          overlay.move(path, to);
          tree.delete(path);
          tree.set(to, content);
        }
      }
    }
    if (random.chance(0.05)) {
      overlay.remove('aa');
      for (const path of PAYLOADS.slice(0, 2)) tree.delete(path);
      if (random.chance(0.5)) send(PAYLOADS[0] ?? '', this.#fresh());
    }
    if (random.chance(0.8) || !tree.has('Info.plist')) send('Info.plist', `I${this.#fresh()}`);
    send('Manifest.db', this.#manifest());
    if (random.chance(0.9) || !tree.has('Status.plist')) send('Status.plist', `S${this.#fresh()}`);
    return tree;
  }

  /** A backup that has some of the other's files. */
  #another(beside: Tree): Tree {
    const { random } = this;
    const tree = new Map<string, string>();
    for (const path of PAYLOADS) {
      const [there, chance] = [beside.get(path), random.next()];
      if (chance < 0.5 && there !== undefined) tree.set(path, there);
      else if (chance < 0.8) tree.set(path, random.chance(0.85) ? this.#fresh() : 'same');
    }
    for (const path of METADATA) tree.set(path, `${path.charAt(0)}${this.#fresh()}`);
    tree.set('Manifest.db', this.#manifest());
    const info = beside.get('Info.plist');
    if (info !== undefined && random.chance(0.5)) tree.set('Info.plist', info);
    return tree;
  }

  /** Most are plain databases, which earlier versions keep packed; some are as of an encrypted phone. */
  #manifest(): string {
    const content = `M${this.#fresh()}`;
    return this.#number % 4 === 0 ? content : `SQLite format 3\0${content.padEnd(200, '.')}`;
  }

  #fresh(): string {
    this.#number += 1;
    return `c${this.#number}`;
  }

  // ---- another program

  /** A whole backup of another program, or damage. */
  #foreign(): void {
    const { fs, random } = this;
    const { layout } = this.context();
    const head = this.#engine.head.readHead(fs, layout);
    // Assumption F4: not while the catalog is lost.
    if (fs.stat(layout.folder) === undefined || (head?.current && fs.bytesOf(layout.inOwn('catalog.db')) === undefined))
      return;
    this.counts.foreign += 1;
    this.#dirty = true;
    this.fs.crashAt = undefined;
    this.#readers = [];
    const content = (path: string) => fs.bytesOf(layout.inFolder(path))?.toString();
    const spoil = (path: string): string | undefined => {
      const old = content(path);
      if (old !== undefined) this.#lost.add(old);
      return old;
    };
    for (const path of PAYLOADS) {
      if (!random.chance(0.35)) continue;
      const old = spoil(path);
      if (random.chance(0.75))
        fs.overwrite(layout.inFolder(path), Buffer.from(random.chance(0.8) ? this.#fresh() : (old ?? 'same')));
      else if (old !== undefined) fs.delete(layout.inFolder(path));
    }
    if (random.chance(0.7)) {
      for (const path of METADATA) {
        spoil(path);
        fs.overwrite(layout.inFolder(path), Buffer.from(`${path.charAt(0)}x${this.#fresh()}`));
      }
    } else if (random.chance(0.3) && spoil('Status.plist') !== undefined) fs.delete(layout.inFolder('Status.plist'));
    fs.settle();
  }

  #loseCatalog(): boolean {
    const { fs } = this;
    const { seal, head: heads } = this.#engine;
    const ctx = this.context();
    const head = heads.readHead(fs, ctx.layout);
    if (head === undefined || fs.bytesOf(ctx.layout.inOwn('catalog.db')) === undefined) return false;
    if (head.op === null && seal.compareSeals(head.seal, seal.takeSeal(ctx)) !== 'none') return false;
    fs.delete(ctx.layout.inOwn('catalog.db'));
    fs.settle();
    this.counts.lostCatalogs += 1;
    return true;
  }

  /** Every head record is gone; nothing else. */
  loseHeads(): number {
    const { layout } = this.context();
    const heads = this.fs.filesBelow(layout.own).filter((path) => /\/head\.\d+$/.test(path));
    for (const path of heads) this.fs.delete(path);
    this.fs.settle();
    return heads.length;
  }

  // ---- the oracle

  /** From the recovered head: what became of an operation that crashed, and which states of other programs were seen. */
  #settle(head: Head): void {
    const pending = this.#pending;
    this.#pending = undefined;
    const all = [...head.chain, ...(head.current === null ? [] : [head.current]), ...head.edits];
    const ids = new Set(all.map(({ id }) => id));
    for (const { id, origin, complete } of all) {
      if (this.#want.has(id)) continue;
      if (origin === 'foreign' && !complete) this.#unfinished.add(id);
      if (origin !== 'foreign') {
        if (pending?.t !== 'backup' && pending?.t !== 'beside') throw new Violation(`a version ${id} that nobody made`);
        this.#want.set(id, pending.tree);
      } else if (id === head.current?.id) this.#want.set(id, this.#treeOfFolder());
      else this.#want.set(id, this.#asItReads(id));
    }
    for (const id of this.#want.keys()) {
      const forgotten = (pending?.t === 'forget' && pending.id === id) || this.#hidden.has(id);
      if (!ids.has(id) && (forgotten || this.#unfinished.has(id))) this.#want.delete(id);
    }
    this.#hidden = new Set(head.chain.filter(({ hidden }) => hidden).map(({ id }) => id));
    this.#current = head.current?.id;
    this.#dirty = false;
    this.#visible = new Set(this.#want.keys());
  }

  /** A state of another program that changed again before anybody read it: what is left of it. */
  #asItReads(id: string): Tree {
    const reader = new this.#engine.resolve.VersionReader(this.context());
    const tree = new Map<string, string>();
    for (const path of ALL) {
      const got = contentOf(reader.open(id, path));
      if (got === 'LOST') {
        tree.set(path, `?${id}`);
        this.#lost.add(`?${id}`);
      } else if (got !== undefined) tree.set(path, got);
    }
    reader.close();
    return tree;
  }

  #treeOfFolder(): Tree {
    const { layout } = this.context();
    const tree = new Map<string, string>();
    for (const path of ALL) {
      const bytes = this.fs.bytesOf(layout.inFolder(path));
      if (bytes !== undefined) tree.set(path, bytes.toString());
    }
    return tree;
  }

  #isAllowed(id: string, path: string, got: string | undefined): boolean {
    const expected = this.#want.get(id)?.get(path);
    return (
      got === expected || ((got === 'LOST' || got === undefined) && expected !== undefined && this.#lost.has(expected))
    );
  }

  #check(head: Head): void {
    const { fs } = this;
    const { layout } = this.context();
    if (head.op !== null) throw new Violation('an operation was left');
    const ids = [...head.chain, ...(head.current === null ? [] : [head.current]), ...head.edits].map(({ id }) => id);
    for (const id of this.#hidden)
      if (!head.edits.some(({ base }) => base === id)) throw new Violation(`nothing needs ${id}, which was forgotten`);
    if (head.current?.hidden === true) throw new Violation('what lies in the folder is not listed');
    if ([...ids].sort().join() !== [...this.#want.keys()].sort().join()) {
      throw new Violation(`versions ${ids.join()}, wanted ${[...this.#want.keys()].join()}`);
    }
    if (head.current?.id !== this.#current) throw new Violation(`current ${head.current?.id}, wanted ${this.#current}`);
    const reader = new this.#engine.resolve.VersionReader(this.context());
    for (const id of ids) {
      for (const path of ALL) {
        const got = contentOf(reader.open(id, path));
        this.counts.reads += 1;
        if (got === 'LOST') this.counts.lostReads += 1;
        if (!this.#isAllowed(id, path, got)) {
          throw new Violation(`${id} ${path}: read ${got}, wanted ${this.#want.get(id)?.get(path)}`);
        }
      }
      this.#checkPlaces(reader, id);
    }
    reader.close();
    // I1
    const tree = this.#want.get(this.#current ?? '') ?? new Map();
    const real = fs.filesBelow(layout.folder).map((path) => path.slice(layout.folder.length + 1));
    if (real.join() !== [...tree.keys()].sort().join())
      throw new Violation(`folder holds ${real.join()}, wanted ${[...tree.keys()].join()}`);
    for (const [path, content] of tree) {
      if (!this.#isInFolder(this.#current, fs.bytesOf(layout.inFolder(path))?.toString(), content))
        throw new Violation(`folder: ${path} is not ${content}`);
    }
    this.#checkShadow();
    this.#checkNothingLeftOver(head);
    this.counts.checks += 1;
  }

  /** What describes the newest backup is there twice, but where the disk was full since the last look. */
  #checkShadow(): void {
    const { fs } = this;
    const { layout } = this.context();
    const wasFull = fs.refusals > this.#refusals;
    this.#refusals = fs.refusals;
    if (wasFull) return;
    for (const path of METADATA) {
      const [there, kept] = [fs.bytesOf(layout.inFolder(path)), fs.bytesOf(layout.inOwn(`shadow/${path}`))];
      if (there?.toString() !== kept?.toString()) throw new Violation(`shadow of ${path}: ${kept}, not ${there}`);
    }
  }

  /** Of a version that was overwritten: also what does not belong there, and nothing where that was moved aside. */
  #isInFolder(version: string | undefined, got: string | undefined, content: string): boolean {
    if (got === content) return true;
    const isDamaged = version !== undefined && version === this.#overwritten && this.#lost.has(content);
    return isDamaged && (got === undefined || got === garbage(content));
  }

  /** What lies where the reader says, and is the file that it describes, is the version's. */
  #checkPlaces(reader: VersionReader, id: string): void {
    const { places } = reader.locate(id, ALL) ?? { places: [] };
    for (const [at, place] of places.entries()) {
      const path = ALL[at] ?? '';
      const stat = place === undefined ? undefined : this.fs.stat(place.path);
      if (stat === undefined || place?.expected === undefined || place.expected === null) continue;
      const isIt = stat.sizeBytes === place.expected.sizeBytes && stat.mtimeUs === place.expected.mtimeUs;
      const bytes = this.fs.bytesOf(place.path)?.toString();
      this.counts.places += 1;
      if (isIt && !this.#isAllowed(id, path, bytes))
        throw new Violation(`${id} ${path}: ${place.path} is ${bytes}, wanted ${this.#want.get(id)?.get(path)}`);
    }
    for (const [at, checksum] of reader.checksums(id, ALL).entries()) {
      const wanted = this.#want.get(id)?.get(ALL[at] ?? '');
      if (checksum === null || (wanted !== undefined && this.#lost.has(wanted))) continue;
      if (wanted === undefined || checksum !== createHash('sha256').update(wanted).digest('hex'))
        throw new Violation(`${id} ${ALL[at]}: checksum ${checksum} is not of ${wanted}`);
    }
  }

  /** I6 */
  #checkNothingLeftOver(head: Head): void {
    const { fs } = this;
    const { layout } = this.context();
    const named = new Set([`${layout.own}/head.${head.gen}`, `${layout.own}/catalog.db`]);
    for (const { id, delta, listSha256 } of [...head.chain, ...head.edits]) {
      const list = `${layout.version(id)}/${delta}`;
      named.add(list);
      named.add(`${layout.version(id)}/version.json`);
      for (const { k, at, p } of this.#engine.lists.readChangeList(fs, list, listSha256)) {
        if (k !== 'stored' || at === null) continue;
        named.add(layout.slot(at, p));
        if (p === 'Manifest.db') named.add(layout.packed(at));
      }
    }
    const kept = /^(?:aside|shadow)\//;
    const isKept = (path: string) => named.has(path) || kept.test(path.slice(layout.own.length + 1));
    const there = fs.filesBelow(layout.own);
    this.counts.packed += there.filter((path) => path.endsWith('/manifest.gz')).length;
    const extra = there.filter((path) => !isKept(path));
    if (extra.length > 0) throw new Violation(`left over: ${extra.join()}`);
  }

  /** I2: a Status.plist in the folder means that all of that backup is there. */
  #checkFolder(when: string): void {
    if (this.#dirty) return;
    const { layout } = this.context();
    const status = this.fs.bytesOf(layout.inFolder('Status.plist'))?.toString();
    if (status === undefined) return;
    const trees: [string | undefined, Tree][] = [...this.#want];
    if (this.#pending?.t === 'backup') trees.push([undefined, this.#pending.tree]);
    const there = this.#treeOfFolder();
    const whole = trees.some(
      ([id, tree]) =>
        tree.get('Status.plist') === status &&
        [...tree].every(([path, content]) => this.#isInFolder(id, there.get(path), content)),
    );
    if (!whole) throw new Violation(`${when}: Status.plist ${status} over ${JSON.stringify([...there])}`);
    this.counts.checks += 1;
  }

  // ---- readers between the writer's steps

  #between(): void {
    if (this.fs.operations % 3 === 0 || this.#readers.length > 0) this.#stepReaders();
    if (this.random.chance(0.15)) this.#checkFolder('during an operation');
  }

  #stepReaders(): void {
    const { random } = this;
    if (this.#readers.length < 3 && this.#visible.size > 0 && random.chance(0.5)) {
      const version = random.choice([...this.#visible]);
      const path = random.choice(ALL);
      const reader = this.#idle.pop() ?? new this.#engine.resolve.VersionReader(this.context());
      this.#readers.push({ version, path, reader, steps: reader.opening(version, path) });
    }
    for (const live of [...this.#readers]) {
      for (let left = random.below(3); left > 0; left--) {
        const step = live.steps.next();
        if (step.done !== true) continue;
        this.#readers = this.#readers.filter((other) => other !== live);
        this.#idle.push(live.reader);
        this.#judge(live, step.value);
        break;
      }
    }
  }

  #judge({ version, path }: LiveReader, reading: Reading): void {
    this.counts.liveReads += 1;
    if (reading.state === 'no_version' || (reading.state === 'lost' && this.#dirty)) return;
    const got = contentOf(reading);
    if (this.#want.has(version) && !this.#isAllowed(version, path, got)) {
      throw new Violation(`a reader of ${version} ${path} got ${got}, wanted ${this.#want.get(version)?.get(path)}`);
    }
  }
}

/** As long, and no content of a device. */
function garbage(content: string): string {
  return 'x'.repeat(content.length);
}

export function isFullDisk(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOSPC';
}

async function* pieces(content: string): AsyncGenerator<Buffer, void> {
  yield Buffer.from(content.slice(0, 1));
  yield Buffer.from(content.slice(1));
}

function contentOf(reading: Reading): string | undefined {
  if (reading.state === 'absent') return undefined;
  if (reading.state === 'lost') return 'LOST';
  if (reading.state === 'no_version') return 'NO VERSION';
  const bytes = Buffer.alloc(reading.file.stat().sizeBytes);
  reading.file.read(bytes, 0);
  reading.file.close();
  return bytes.toString();
}

/** A history of `steps` operations; throws with its seed when anything was wrong. */
export async function playHistory(
  engine: StoreEngine,
  seed: number,
  options: WorldOptions = {},
  steps = 14,
): Promise<StoreWorld> {
  const world = new StoreWorld(engine, seed, options);
  try {
    for (let step = 0; step < steps; step++) {
      world.fs.operations = 0;
      world.fs.crashAt = world.random.chance(0.6) ? 1 + world.random.below(110) : undefined;
      world.fs.failAt = world.random.chance(0.1) ? 1 + world.random.below(110) : undefined;
      await world.step();
    }
  } catch (error) {
    if (error instanceof Error)
      error.message = `seed ${seed}, ${world.kind}: ${error.message} after ${world.trace.slice(-4).join('; ')}`;
    throw error;
  }
  return world;
}
