/**
 * Change lists: what a version differs in from the next newer one. The same file is the redo list while a commit runs.
 *
 * NDJSON, sorted by path (bytes). First line `{format, udid, from, to}`; one line a changed path; last line `{count, sha256}`, the
 * checksum over all bytes before it. Written once, streamed both ways, never in memory as a whole.
 *
 * | k        | means |
 * |----------|-------|
 * | `stored` | this version has p; its content lies at `versions/<at>/…`, and where it doesn't, it is lost |
 * | `absent` | this version has no p |
 *
 * A path that the list does not name is the same in the next newer version. `src` matters only while the operation runs.
 */
import { createHash } from 'node:crypto';
import { IbkError } from '../../errors.js';
import type { FileIdentity } from '../disk/file-identity.js';
import type { StoreFileSystem, WritableFile } from '../disk/file-system.js';
import { isBlobName } from './layout.js';
import { comparePaths, isSafePath } from './names.js';
import { isShadowName } from './shadow.js';
import { isVersionId } from './version-id.js';

const FORMAT = 1;
const FLUSH_BYTES = 256 * 1024;
const READ_BYTES = 16 * 1024;
const MAX_LINE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
const NO_BYTES: Buffer = Buffer.alloc(0);

export interface ChangeLine {
  readonly p: string;
  readonly k: 'stored' | 'absent';
  readonly at: string | null;
  /** Where the new content (commit) or the rescued old one (adopt) comes from, relative to S. */
  readonly src: string | null;
  readonly old: FileIdentity | null;
  readonly new: FileIdentity | null;
}

export interface ChangeListHeader {
  readonly udid: string;
  readonly from: string | null;
  readonly to: string;
}

export interface WrittenList {
  readonly count: number;
  readonly sha256: string;
}

/** Writes a new list. Lines must come in order of their paths. */
export class ChangeListWriter {
  readonly #file: WritableFile;
  readonly #hash = createHash('sha256');
  #pending: string[] = [];
  #pendingLength = 0;
  #last: string | undefined;
  #count = 0;

  constructor(fs: StoreFileSystem, path: string, header: ChangeListHeader) {
    this.#file = fs.create(path);
    this.#put(JSON.stringify({ format: FORMAT, ...header }));
  }

  add(line: ChangeLine): void {
    if (this.#last !== undefined && comparePaths(this.#last, line.p) >= 0) {
      throw new TypeError(`change list out of order: ${JSON.stringify(line.p)} after ${JSON.stringify(this.#last)}`);
    }
    this.#last = line.p;
    this.#count += 1;
    const { p, k, at, src, old } = line;
    this.#put(JSON.stringify({ p, k, at, src, old, new: line.new }));
  }

  /** The list is whole, and durable (but for its name). */
  finish(): WrittenList {
    this.#flush();
    const sha256 = this.#hash.digest('hex');
    this.#file.write([Buffer.from(`${JSON.stringify({ count: this.#count, sha256 })}\n`)]);
    this.#file.sync();
    this.#file.close();
    return { count: this.#count, sha256 };
  }

  abandon(): void {
    this.#file.close();
  }

  #put(line: string): void {
    this.#pending.push(line);
    this.#pendingLength += line.length + 1;
    if (this.#pendingLength >= FLUSH_BYTES) this.#flush();
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    const bytes = Buffer.from(`${this.#pending.join('\n')}\n`);
    this.#hash.update(bytes);
    this.#file.write([bytes]);
    this.#pending = [];
    this.#pendingLength = 0;
  }
}

/**
 * The lines of a list, checked one by one; the checksum is compared at the end.
 * @param expected the checksum that the head names
 * @throws IbkError `damaged`: not whole, altered, missing, or holding what no ibk writes
 */
export function* readChangeList(
  fs: StoreFileSystem,
  path: string,
  expected?: string,
): Generator<ChangeLine, ChangeListHeader & { readonly sha256: string }> {
  const hash = createHash('sha256');
  let header: ChangeListHeader | undefined;
  let end: WrittenList | undefined;
  let count = 0;
  let last: string | undefined;
  // The last line so far: the last of all is not part of what it is the checksum of.
  let held = NO_BYTES;
  for (const block of wholeLines(fs, path)) {
    const cut = block.lastIndexOf(NEWLINE, block.length - 2) + 1;
    hash.update(held).update(block.subarray(0, cut));
    held = block.subarray(cut);
    for (const text of block.toString('utf8', 0, block.length - 1).split('\n')) {
      if (end !== undefined) throw damaged(path, 'bytes after its end');
      const value = parsed(path, text);
      if ('sha256' in value) {
        end = { count: Number(value['count']), sha256: String(value['sha256']) };
      } else if (header === undefined) header = checkedHeader(path, value);
      else {
        count += 1;
        const line = checkedLine(path, value);
        if (last !== undefined && comparePaths(last, line.p) >= 0) throw damaged(path, 'lines out of order');
        last = line.p;
        yield line;
      }
    }
  }
  const sha256 = hash.digest('hex');
  if (header === undefined || end === undefined) throw damaged(path, 'cut short');
  if (end.sha256 !== sha256 || end.count !== count || (expected ?? sha256) !== sha256)
    throw damaged(path, 'wrong checksum');
  return { ...header, sha256 };
}

/** Reads a list through, for its checksum alone. */
export function verifyChangeList(fs: StoreFileSystem, path: string, expected?: string): ChangeListHeader {
  const lines = readChangeList(fs, path, expected);
  for (;;) {
    const step = lines.next();
    if (step.done === true) return step.value;
  }
}

/**
 * The list of an older version `u` after the version `v` between it and the next is gone: u's lines, and those of v that u does not name.
 * No content moves: lines keep their `at`.
 */
export function* mergeLists(older: Iterable<ChangeLine>, retired: Iterable<ChangeLine>): Generator<ChangeLine, void> {
  const [left, right] = [older[Symbol.iterator](), retired[Symbol.iterator]()];
  let a = left.next();
  let b = right.next();
  while (a.done !== true || b.done !== true) {
    const order = a.done === true ? 1 : b.done === true ? -1 : comparePaths(a.value.p, b.value.p);
    if (order < 0 && a.done !== true) {
      yield a.value;
      a = left.next();
    } else if (order > 0 && b.done !== true) {
      yield b.value;
      b = right.next();
    } else if (a.done !== true && b.done !== true) {
      yield { ...a.value, new: b.value.new };
      a = left.next();
      b = right.next();
    }
  }
}

/** The file in blocks that end with a line. */
function* wholeLines(fs: StoreFileSystem, path: string): Generator<Buffer, void> {
  const file = fs.open(path);
  if (file === undefined) throw damaged(path, 'it is missing');
  try {
    let rest = NO_BYTES;
    for (let at = 0; ; ) {
      const into = Buffer.allocUnsafe(READ_BYTES);
      const count = file.read(into, at);
      if (count === 0) break;
      at += count;
      const bytes = rest.length === 0 ? into.subarray(0, count) : Buffer.concat([rest, into.subarray(0, count)]);
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      rest = bytes.subarray(end);
      if (rest.length > MAX_LINE_BYTES) throw damaged(path, 'a line without end');
      if (end > 0) yield bytes.subarray(0, end);
    }
    if (rest.length > 0) throw damaged(path, 'cut short');
  } finally {
    file.close();
  }
}

function parsed(path: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw damaged(path, 'a line that is not one');
}

function checkedHeader(path: string, value: Record<string, unknown>): ChangeListHeader {
  const { format, udid, from, to } = value;
  if (format !== FORMAT || typeof udid !== 'string' || typeof to !== 'string')
    throw damaged(path, 'a wrong first line');
  return { udid, from: typeof from === 'string' ? from : null, to };
}

function checkedLine(path: string, value: Record<string, unknown>): ChangeLine {
  const { p, k, at, src } = value;
  if (typeof p !== 'string' || !isSafePath(p)) throw damaged(path, 'an unsafe path');
  if (k !== 'stored' && k !== 'absent') throw damaged(path, 'an unknown kind of line');
  if (at !== null && (typeof at !== 'string' || !isVersionId(at))) throw damaged(path, 'a wrong place');
  if (k === 'stored' && at === null) throw damaged(path, 'a wrong place');
  if (src !== null && (typeof src !== 'string' || !(isBlobName(src) || isShadowName(src))))
    throw damaged(path, 'a wrong source');
  const [old, next] = [checkedIdentity(path, value['old']), checkedIdentity(path, value['new'])];
  if ((k === 'stored') !== (old !== null)) throw damaged(path, 'a line without its file');
  return { p, k, at, src, old, new: next };
}

function checkedIdentity(path: string, value: unknown): FileIdentity | null {
  if (value === null) return null;
  if (typeof value !== 'object') throw damaged(path, 'a wrong identity');
  const { size, mtimeUs, sha256 } = value as Record<string, unknown>;
  // -1: what a lost catalog could not tell of a file that another program changed.
  if (!isWhole(size) || size < -1 || !isWhole(mtimeUs)) throw damaged(path, 'a wrong identity');
  if (sha256 !== null && (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)))
    throw damaged(path, 'a wrong checksum');
  return { size, mtimeUs, sha256 };
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function damaged(path: string, why: string): IbkError {
  return new IbkError('damaged', `A change list of the store is damaged: ${why}.`, {
    reason: 'change_list',
    hint: 'ibk doctor',
    details: { path },
  });
}
