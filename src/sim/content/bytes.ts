/**
 * The bytes of a file, streamed. Noise costs next to nothing: views of one pseudo-random block, cut into segments of 1 MiB that each begin
 * with a stamp of file, revision and position, so that no two files, revisions or places are alike and nothing is ever held in memory.
 *
 * | offset in segment | bytes | |
 * |---|---|---|
 * | 0 | head | only in the first segment: the magic number of the file type |
 * | then | 32 | stamp: 24 bytes of SHA-256(id, revision), u64 segment number |
 * | then | rest | a slice of the block, at a place that follows from the stamp |
 */
import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { ContentSource, FileItem } from './item.js';

const SEGMENT_BYTES = 1024 * 1024;
const BLOCK_BYTES = 4 * SEGMENT_BYTES;
const STAMP_BYTES = 32;

let block: Buffer | undefined;

function noiseBlock(): Buffer {
  block ??= createCipheriv('aes-128-ctr', 'simulated iPhone', Buffer.alloc(16)).update(Buffer.alloc(BLOCK_BYTES));
  return block;
}

/** The bytes of a file in order; the chunks are views that must not be written to. */
export function contentChunks(file: FileItem): Iterable<Buffer> | AsyncIterable<Buffer> {
  switch (file.source.kind) {
    case 'noise':
      return noiseChunks(file.source, file.sizeBytes);
    case 'made':
      return file.source.bytes.length === 0 ? [] : [file.source.bytes];
    case 'disk':
      return file.sizeBytes === 0 ? [] : createReadStream(file.source.path, { highWaterMark: SEGMENT_BYTES });
  }
}

type NoiseSource = Extract<ContentSource, { kind: 'noise' }>;

function* noiseChunks(source: NoiseSource, sizeBytes: number): Generator<Buffer, void> {
  const noise = noiseBlock();
  const mark = createHash('sha256').update(`${source.id}\0${source.revision}`).digest();
  let place = mark.readUInt32LE(28) % (BLOCK_BYTES - SEGMENT_BYTES);
  for (let segment = 0, left = sizeBytes; left > 0; segment += 1) {
    const stamp = Buffer.allocUnsafe(STAMP_BYTES);
    mark.copy(stamp, 0, 0, 24);
    stamp.writeBigUInt64BE(BigInt(segment), 24);
    const opening = segment === 0 && source.head.length > 0 ? Buffer.concat([source.head, stamp]) : stamp;
    const lead = opening.subarray(0, left);
    yield lead;
    left -= lead.length;
    const length = Math.min(left, SEGMENT_BYTES - lead.length);
    if (length > 0) yield noise.subarray(place, place + length);
    left -= length;
    place = (place + 1_000_003) % (BLOCK_BYTES - SEGMENT_BYTES);
  }
}

/** SHA-256 of a file's bytes, and how many there were. Gives other work a turn every few MiB. */
export async function hashContent(file: FileItem): Promise<{ sha256: string; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  let turn = 0;
  for await (const chunk of contentChunks(file)) {
    hash.update(chunk);
    size += chunk.length;
    if (size - turn > 8 * SEGMENT_BYTES) {
      turn = size;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { sha256: hash.digest('hex'), size };
}
