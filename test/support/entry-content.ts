/** Content of a file out of memory, as a reader of a backup gives it. */
import type { EntryContent } from '../../src/output/output-target.js';

/** @param failsAt after so many bytes reading fails */
export function contentOf(
  bytes: Buffer,
  { failsAt, storedBytes = bytes.length }: { failsAt?: number; storedBytes?: number } = {},
): EntryContent {
  return {
    storedBytes,
    plainBytes: () => bytes.length,
    readWhole: () => {
      if (failsAt !== undefined) throw new Error('damaged');
      return bytes;
    },
    async *pieces(signal) {
      const piece = Buffer.alloc(100_000);
      for (let at = 0; at < bytes.length; at += piece.length) {
        signal?.throwIfAborted();
        if (failsAt !== undefined && at >= failsAt) throw new Error('damaged');
        const length = bytes.copy(piece, 0, at);
        yield piece.subarray(0, length);
        // Used again, as a reader may.
        piece.fill(0xee);
      }
    },
  };
}
