/** AES key wrap (RFC 3394) as backups use it: a key of 32 bytes becomes 40, and a wrong key does not unwrap. */
import { createCipheriv, createDecipheriv } from 'node:crypto';

/** The RFC's default initial value. */
const CHECK = Buffer.alloc(8, 0xa6);

/** The key of 32 bytes; undefined where `kek` is not the one that it was wrapped with, or the bytes are damaged. */
export function unwrapKey(kek: Buffer, wrapped: Buffer): Buffer | undefined {
  try {
    const decipher = createDecipheriv('id-aes256-wrap', kek, CHECK);
    const key = Buffer.concat([decipher.update(wrapped), decipher.final()]);
    return key.length === 32 ? key : undefined;
  } catch {
    // OpenSSL has no more to say than that the check failed.
    return undefined;
  }
}

/** 40 bytes of a key of 32. */
export function wrapKey(kek: Buffer, key: Buffer): Buffer {
  const cipher = createCipheriv('id-aes256-wrap', kek, CHECK);
  return Buffer.concat([cipher.update(key), cipher.final()]);
}
