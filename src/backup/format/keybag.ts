/**
 * The backup keybag: `tag (4 ASCII) | u32be length | value`, repeated, no padding and no end mark. The first UUID opens the header, each later one a class
 * key. Here only its form is read; what unlocks it comes with reading encrypted backups.
 */
import { IbkError } from '../../errors.js';

export interface KeybagForm {
  readonly version: number;
  /** 1 is a backup keybag; the top two bits are flags. */
  readonly type: number;
  readonly classes: readonly number[];
}

const MAX_KEYBAG_BYTES = 64 * 1024;

/** @throws IbkError `damaged`, reason `keybag` */
export function parseKeybagForm(bytes: Buffer): KeybagForm {
  if (bytes.length > MAX_KEYBAG_BYTES) throw bad(`it has ${bytes.length} bytes`);
  let version: number | undefined;
  let type: number | undefined;
  let uuids = 0;
  const classes: number[] = [];
  for (const { tag, value } of readTlv(bytes)) {
    if (tag === 'UUID') uuids++;
    else if (tag === 'VERS') version = u32(tag, value);
    else if (tag === 'TYPE') type = u32(tag, value) & 0x3fffffff;
    else if (tag === 'CLAS' && uuids > 1) classes.push(u32(tag, value) & 0xf);
    else if (tag === 'WPKY' && value.length !== 40) throw bad(`a wrapped key has ${value.length} bytes`);
  }
  if (version === undefined || type === undefined || classes.length === 0) throw bad('it has no version, type or keys');
  return { version, type, classes };
}

function* readTlv(bytes: Buffer): Generator<{ tag: string; value: Buffer }> {
  for (let at = 0; at < bytes.length; ) {
    if (at + 8 > bytes.length) throw bad('it ends in the middle of a field');
    const length = bytes.readUInt32BE(at + 4);
    const end = at + 8 + length;
    if (end > bytes.length) throw bad('a field is longer than the keybag');
    yield { tag: bytes.toString('latin1', at, at + 4), value: bytes.subarray(at + 8, end) };
    at = end;
  }
}

function u32(tag: string, value: Buffer): number {
  if (value.length !== 4) throw bad(`${tag} has ${value.length} bytes`);
  return value.readUInt32BE(0);
}

function bad(why: string): IbkError {
  return new IbkError('damaged', `The keybag of the backup is damaged: ${why}.`, { reason: 'keybag' });
}
