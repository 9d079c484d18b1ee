/** The bytes of a file as they lie in a backup: as they are, or AES-256-CBC with zero IV and PKCS#7 padding over the whole file. */
import { createCipheriv } from 'node:crypto';

type Chunks = Iterable<Buffer> | AsyncIterable<Buffer>;

const ZERO_IV = Buffer.alloc(16);

/** `key` undefined: plain. */
export function storedChunks(chunks: Chunks, key: Buffer | undefined): Chunks {
  if (key === undefined) return chunks;
  return Symbol.iterator in chunks ? encrypt(chunks, key) : encryptAsync(chunks, key);
}

function* encrypt(chunks: Iterable<Buffer>, key: Buffer): Generator<Buffer, void> {
  const cipher = createCipheriv('aes-256-cbc', key, ZERO_IV);
  for (const chunk of chunks) yield cipher.update(chunk);
  yield cipher.final();
}

async function* encryptAsync(chunks: AsyncIterable<Buffer>, key: Buffer): AsyncGenerator<Buffer, void> {
  const cipher = createCipheriv('aes-256-cbc', key, ZERO_IV);
  for await (const chunk of chunks) yield cipher.update(chunk);
  yield cipher.final();
}
