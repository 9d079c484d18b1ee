/** Changes records of Manifest.mbdb (layout: mbdb.ts) and leaves every other byte as it is: null and empty fields are told apart, attributes are not read. */
import { IbkError } from '../../errors.js';

const MAGIC_BYTES = 6;
const FIXED_BYTES = 40;
const NULL_LENGTH = 0xffff;
const NULL_FIELD = Buffer.from([0xff, 0xff]);

export interface MbdbEdit {
  /** Undefined: as it was. Null: none. */
  readonly digest?: Buffer | null | undefined;
  readonly key?: Buffer | null | undefined;
}

/**
 * The manifest in pieces: the header, then each record.
 * @param change is told of each record; undefined: leave it
 * @throws IbkError `damaged`, reason `manifest`
 */
export function* editMbdb(
  bytes: Buffer,
  change: (domain: string, relativePath: string, digest: Buffer | null) => MbdbEdit | undefined,
): Generator<Buffer, void> {
  yield bytes.subarray(0, MAGIC_BYTES);
  for (let at = MAGIC_BYTES; at < bytes.length; ) {
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
    else {
      const kept = (given: Buffer | null | undefined, from: number, to: number) =>
        given === undefined ? bytes.subarray(from, to) : fieldOf(given);
      yield bytes.subarray(at, target.end);
      yield kept(edit.digest, target.end, digest.end);
      yield kept(edit.key, digest.end, key.end);
      yield bytes.subarray(key.end, end);
    }
    at = end;
  }
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
