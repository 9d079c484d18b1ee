/** Changes records of Manifest.mbdb (layout: mbdb.ts) and leaves every other byte as it is: null and empty fields are told apart, attributes are not read. */
import { IbkError } from '../../errors.js';
import { FIXED_BYTES, MBDB_MAGIC } from './mbdb.js';
import type { NewMbFile } from './mbfile-build.js';

const NULL_LENGTH = 0xffff;
const NULL_FIELD = Buffer.from([0xff, 0xff]);

export interface MbdbEdit {
  /** Undefined: as it was. Null: none. */
  readonly digest?: Buffer | null | undefined;
  readonly key?: Buffer | null | undefined;
  /** Of other content. `time`: of the last change, Unix seconds. */
  readonly content?: { readonly sizeBytes: number; readonly time: number } | undefined;
}

/** A record that was not there. */
export interface NewMbdbRecord extends NewMbFile {
  readonly domain: string;
}

/**
 * The manifest in pieces: the header, then each record.
 * @param change is told of each record; undefined: leave it, null: it goes
 * @throws IbkError `damaged`, reason `manifest`
 */
export function* editMbdb(
  bytes: Buffer,
  change: (domain: string, relativePath: string, digest: Buffer | null) => MbdbEdit | null | undefined,
): Generator<Buffer, void> {
  yield bytes.subarray(0, MBDB_MAGIC.length);
  for (let at = MBDB_MAGIC.length; at < bytes.length; ) {
    const domain = fieldAt(bytes, at);
    const path = fieldAt(bytes, domain.end);
    const target = fieldAt(bytes, path.end);
    const digest = fieldAt(bytes, target.end);
    const key = fieldAt(bytes, digest.end);
    let end = key.end + FIXED_BYTES;
    if (end > bytes.length) throw damaged();
    for (let left = bytes.readUInt8(end - 1) * 2; left > 0; left--) end = fieldAt(bytes, end).end;
    const text = ({ value }: Field) => value?.toString('utf8') ?? '';
    const edit = change(text(domain), text(path), digest.value);
    if (edit === undefined) yield bytes.subarray(at, end);
    else if (edit !== null) {
      const kept = (given: Buffer | null | undefined, from: number, to: number) =>
        given === undefined ? bytes.subarray(from, to) : fieldOf(given);
      yield bytes.subarray(at, target.end);
      yield kept(edit.digest, target.end, digest.end);
      yield kept(edit.key, digest.end, key.end);
      yield edit.content === undefined
        ? bytes.subarray(key.end, end)
        : withContent(bytes.subarray(key.end, end), edit.content);
    }
    at = end;
  }
}

/** @throws IbkError `usage`: a name that is too long for a record */
export function buildMbdbRecord(record: NewMbdbRecord): Buffer {
  const fixed = Buffer.alloc(FIXED_BYTES);
  fixed.writeUInt16BE(record.mode);
  fixed.writeBigUInt64BE(record.inode, 2);
  fixed.writeUInt32BE(record.userId, 10);
  fixed.writeUInt32BE(record.groupId, 14);
  for (const at of [18, 22, 26]) fixed.writeUInt32BE(secondsOf(record.time), at);
  fixed.writeBigUInt64BE(BigInt(record.sizeBytes), 30);
  // One that no byte holds opens nowhere.
  fixed.writeUInt8(record.protectionClass & 0xff, 38);
  const names = [Buffer.from(record.domain), Buffer.from(record.relativePath)];
  if (names.some(({ length }) => length >= NULL_LENGTH))
    throw new IbkError('usage', 'That path is too long for this backup.', { reason: 'path' });
  const fields = [...names, null, record.digest ?? null, record.wrappedKey ?? null];
  return Buffer.concat([...fields.map(fieldOf), fixed]);
}

/** From 1970 to 2106: what the field holds. */
const secondsOf = (time: number): number => Math.min(Math.max(0, time), 0xffffffff);

/** @param rest of a record, from its fixed part on */
function withContent(rest: Buffer, { sizeBytes, time }: { readonly sizeBytes: number; readonly time: number }): Buffer {
  const changed = Buffer.from(rest);
  for (const at of [18, 22]) changed.writeUInt32BE(secondsOf(time), at);
  changed.writeBigUInt64BE(BigInt(sizeBytes), 30);
  return changed;
}

interface Field {
  readonly value: Buffer | null;
  readonly end: number;
}

function fieldAt(bytes: Buffer, at: number): Field {
  if (at + 2 > bytes.length) throw damaged();
  const length = bytes.readUInt16BE(at);
  if (length === NULL_LENGTH) return { value: null, end: at + 2 };
  const end = at + 2 + length;
  if (end > bytes.length) throw damaged();
  return { value: bytes.subarray(at + 2, end), end };
}

function fieldOf(value: Buffer | null): Buffer {
  if (value === null) return NULL_FIELD;
  const length = Buffer.alloc(2);
  length.writeUInt16BE(value.length);
  return Buffer.concat([length, value]);
}

function damaged(): IbkError {
  return new IbkError('damaged', 'Manifest.mbdb is damaged: a record is longer than the file.', { reason: 'manifest' });
}
