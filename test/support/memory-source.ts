/** A backup in memory, to be taken in by a store: of ibk, which recorded checksums, or a folder of another program. */
import { createHash } from 'node:crypto';
import type { BackupSource } from '../../src/backup/reader/backup-source.js';

/** @param tree content by path; every path in ASCII */
export function memorySource(tree: ReadonlyMap<string, string>, hasChecksums: boolean): BackupSource {
  const identity = (path: string) => {
    const content = tree.get(path);
    if (content === undefined) return undefined;
    return { size: content.length, mtimeUs: 1, sha256: createHash('sha256').update(content).digest('hex') };
  };
  return {
    open: (path) => {
      const content = tree.get(path);
      if (content === undefined) return undefined;
      const bytes = Buffer.from(content);
      return {
        read: (into, position) => bytes.copy(into, 0, position),
        stat: () => ({ kind: 'file', sizeBytes: bytes.length, mtimeUs: 1, inode: 1 }),
        close: () => {},
      };
    },
    ...(hasChecksums ? { identity } : {}),
    whyNot: () => 'absent',
    async *files() {
      for (const [path, { length: sizeBytes }] of [...tree].sort(([a], [b]) => (a < b ? -1 : 1)))
        yield { path, fault: undefined, sizeBytes, compared: false, withoutChecksum: !hasChecksums };
    },
    async *leftovers() {},
  };
}
