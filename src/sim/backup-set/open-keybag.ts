/** The phone opening the keybag of a backup that it is to restore: the password gives the class keys, these the keys of files. */
import { createDecipheriv } from 'node:crypto';
import { deriveKek } from './keybag.js';

const WRAP_IV = Buffer.alloc(8, 0xa6);
const PASSWORD_WRAPPED = 2;

export type ClassKeys = ReadonlyMap<number, Buffer>;

/** Undefined: the password is wrong. @throws RangeError when it is no keybag */
export async function openKeybag(bag: Buffer, password: string): Promise<ClassKeys | undefined> {
  const { header, classes } = parse(bag);
  const dpsl = header.get('DPSL');
  const dpic = header.get('DPIC');
  const protection =
    dpsl === undefined || dpic === undefined ? undefined : { salt: dpsl, iterations: dpic.readUInt32BE(0) };
  const salt = header.get('SALT') ?? Buffer.alloc(0);
  const kek = await deriveKek(password, salt, header.get('ITER')?.readUInt32BE(0) ?? 1, protection);
  const keys = new Map<number, Buffer>();
  for (const block of classes) {
    // Those that are wrapped with a phone's own key as well (3) belong to that phone alone.
    if (block.get('WRAP')?.readUInt32BE(0) !== PASSWORD_WRAPPED) continue;
    const key = unwrap(kek, block.get('WPKY') ?? Buffer.alloc(0));
    if (key === undefined) return undefined;
    keys.set(block.get('CLAS')?.readUInt32BE(0) ?? 0, key);
  }
  return keys;
}

/** The key in an EncryptionKey or a ManifestKey: class u32 little-endian, then 40 wrapped bytes. Undefined: it does not open. */
export function openKey(keys: ClassKeys, wrapped: Buffer): Buffer | undefined {
  if (wrapped.length !== 44) return undefined;
  const classKey = keys.get(wrapped.readUInt32LE(0));
  return classKey === undefined ? undefined : unwrap(classKey, wrapped.subarray(4));
}

function unwrap(kek: Buffer, wrapped: Buffer): Buffer | undefined {
  try {
    const decipher = createDecipheriv('id-aes256-wrap', kek, WRAP_IV);
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  } catch {
    return undefined;
  }
}

type Block = Map<string, Buffer>;

/** The first UUID belongs to the header, each later one opens a class. */
function parse(bag: Buffer): { header: Block; classes: Block[] } {
  const header: Block = new Map();
  const classes: Block[] = [];
  for (let at = 0; at < bag.length; ) {
    const tag = bag.toString('latin1', at, at + 4);
    const end = at + 8 + bag.readUInt32BE(at + 4);
    if (end > bag.length) throw new RangeError('the keybag is cut off');
    if (tag === 'UUID' && header.has('UUID')) classes.push(new Map());
    (classes.at(-1) ?? header).set(tag, bag.subarray(at + 8, end));
    at = end;
  }
  return { header, classes };
}
