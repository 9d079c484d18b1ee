import type { ReadableFile } from '../../src/backup/disk/file-system.js';

/** `sizeBytes`: what it claims, where that differs. */
export function fileInMemory(bytes: Buffer, sizeBytes = bytes.length): ReadableFile {
  return {
    read: (into, position) => (position >= bytes.length ? 0 : bytes.copy(into, 0, position)),
    stat: () => ({ kind: 'file', sizeBytes, mtimeUs: 0, inode: 1 }),
    close: () => {},
  };
}
