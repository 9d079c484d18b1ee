import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** One hash over the names, kinds and bytes of everything below a folder. */
export function treeHash(folder: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, name);
    const stat = lstatSync(path);
    const kind = stat.isDirectory() ? 'folder' : stat.isSymbolicLink() ? 'link' : 'file';
    hash.update(`${name}\0${kind}\0`);
    if (kind === 'file') hash.update(createHash('sha256').update(readFileSync(path)).digest());
    if (kind === 'link') hash.update(readlinkSync(path));
  }
  return hash.digest('hex');
}

/** The same over files alone: a folder that holds nothing is no part of a backup. */
export function filesHash(folder: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, name);
    if (lstatSync(path).isFile())
      hash.update(`${name}\0`).update(createHash('sha256').update(readFileSync(path)).digest());
  }
  return hash.digest('hex');
}
