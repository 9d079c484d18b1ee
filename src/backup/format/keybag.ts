/**
 * The backup keybag: `tag (4 ASCII) | u32be length | value`, repeated, no padding and no end mark.
 *
 * | part    | tags |
 * |---------|------|
 * | header  | VERS TYPE UUID HMCK WRAP SALT ITER; DPWT DPIC DPSL in encrypted backups from iOS 10.2 on |
 * | a class | UUID CLAS WRAP KTYP WPKY (and PBKY), in any order after its UUID |
 *
 * The second UUID, and each later one, opens a class. Tags that are not known are passed over.
 */
import { IbkError } from '../../errors.js';

export interface Keybag {
  readonly version: number;
  /** 1 is a backup keybag; the top two bits are flags. */
  readonly type: number;
  /** PBKDF2 with SHA-1; undefined where the header has none, so that no password opens it. */
  readonly derivation: Derivation | undefined;
  /** PBKDF2 with SHA-256 before it: where DPSL and DPIC are, whatever the iOS. */
  readonly doubleProtection: Derivation | undefined;
  readonly classes: readonly ClassBlock[];
}

export interface Derivation {
  readonly salt: Buffer;
  readonly iterations: number;
}

export interface ClassBlock {
  readonly protectionClass: number;
  /** Bit 0: wrapped with a key of the device. Bit 1: wrapped with the key that follows from the password. */
  readonly wrap: number;
  /** 40 bytes; undefined where the block has none. */
  readonly wrappedKey: Buffer | undefined;
}

const MAX_KEYBAG_BYTES = 64 * 1024;
export const WRAPPED_KEY_BYTES = 40;

/** @throws IbkError `damaged`, reason `keybag` */
export function parseKeybag(bytes: Buffer): Keybag {
  if (bytes.length > MAX_KEYBAG_BYTES) throw bad(`it has ${bytes.length} bytes`);
  const header: Block = new Map();
  const blocks: Block[] = [];
  for (const { tag, value } of readTlv(bytes)) {
    const opensClass = tag === 'UUID' && header.has('UUID');
    if (opensClass) blocks.push(new Map());
    (blocks.at(-1) ?? header).set(tag, value);
  }
  const version = u32(header, 'VERS');
  const type = u32(header, 'TYPE');
  const classes = blocks.filter((block) => block.has('CLAS')).map(classBlock);
  if (version === undefined || type === undefined || classes.length === 0) throw bad('it has no version, type or keys');
  return {
    version,
    type: type & 0x3fffffff,
    derivation: derivation(header, 'SALT', 'ITER'),
    doubleProtection: derivation(header, 'DPSL', 'DPIC'),
    classes,
  };
}

type Block = Map<string, Buffer>;

function classBlock(block: Block): ClassBlock {
  const wrappedKey = block.get('WPKY');
  if (wrappedKey !== undefined && wrappedKey.length !== WRAPPED_KEY_BYTES)
    throw bad(`a wrapped key has ${wrappedKey.length} bytes`);
  return { protectionClass: (u32(block, 'CLAS') ?? 0) & 0xf, wrap: u32(block, 'WRAP') ?? 0, wrappedKey };
}

function derivation(header: Block, saltTag: string, countTag: string): Derivation | undefined {
  const salt = header.get(saltTag);
  const iterations = u32(header, countTag);
  return salt === undefined || iterations === undefined ? undefined : { salt, iterations };
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

function u32(block: Block, tag: string): number | undefined {
  const value = block.get(tag);
  if (value !== undefined && value.length !== 4) throw bad(`${tag} has ${value.length} bytes`);
  return value?.readUInt32BE(0);
}

function bad(why: string): IbkError {
  return new IbkError('damaged', `The keybag of the backup is damaged: ${why}.`, { reason: 'keybag' });
}
