/** A backup folder through ibk's own reader, as `ibk sim ctl tree` prints a phone. */
import { createHash } from 'node:crypto';
import { folderSource } from '../../src/backup/reader/backup-source.js';
import { openBackup } from '../../src/backup/reader/open-backup.js';
import { Secret } from '../../src/io/secret.js';
import type { ReadBackup } from './backup-reader.js';

const REGULAR_FILE = 0x8000;

export async function readTree(folder: string, password?: string): Promise<ReadBackup['tree']> {
  await using backup = await openBackup(folderSource(folder), {
    password: async () => (password === undefined ? undefined : Secret.of(password)),
  });
  await backup.unlock();
  const tree: ReadBackup['tree'] = {};
  for await (const page of backup.records())
    for (const record of page) {
      const content = backup.content(record);
      if (content === undefined) continue;
      const hash = createHash('sha256');
      let size = 0;
      for await (const piece of content.pieces()) {
        hash.update(piece);
        size += piece.length;
      }
      content.close();
      const { mode, mtime } = record.details();
      const found = { sha256: hash.digest('hex'), size, mode: mode | REGULAR_FILE, mtime: mtime ?? Number.NaN };
      tree[`${record.domain}/${record.relativePath}`] = found;
    }
  return tree;
}
