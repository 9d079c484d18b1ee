/** All that lies below a folder, to be compared before and after: names, kinds, modes, contents. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Path to what is there. @param skip paths, relative, that are left out with all below them */
export function treeOf(folder: string, skip: readonly string[] = []): Record<string, string> {
  const tree: Record<string, string> = {};
  const walk = (path: string): void => {
    for (const name of readdirSync(join(folder, path)).sort()) {
      const below = path === '' ? name : `${path}/${name}`;
      if (skip.includes(below)) continue;
      const full = join(folder, below);
      const stat = lstatSync(full);
      const mode = (stat.mode & 0o777).toString(8);
      if (stat.isDirectory()) {
        tree[below] = `folder ${mode}`;
        walk(below);
      } else if (stat.isSymbolicLink()) tree[below] = `link ${readlinkSync(full)}`;
      else if (stat.isFile()) {
        const sha256 = createHash('sha256').update(readFileSync(full)).digest('hex').slice(0, 16);
        tree[below] = `file ${mode} ${stat.size} ${sha256}`;
      } else tree[below] = 'other';
    }
  };
  walk('');
  return tree;
}
