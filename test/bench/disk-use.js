/** What things take on the disk, and what they would have to take: counted from outside, by looking at the folder of the newest backup before and after each step. */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const BLOCK_BYTES = 512;

/** Bytes by `du`: whole blocks, or with `apparent` as many as were written; a file with several names once. */
export function diskUse(path, kind) {
  const flags = kind === 'apparent' ? ['--apparent-size'] : [];
  const { status, stdout, stderr } = spawnSync('du', ['-s', '-B1', ...flags, path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`du ${path}: ${stderr}`);
  return Number(stdout.split('\t')[0]);
}

/** The newest backup, and each file that was replaced or removed since this began, among them the manifests: what keeping all versions takes at the least where nothing is packed. */
export class IdealSpace {
  #folder;
  #files;
  #replaced = 0;

  constructor(folder) {
    this.#folder = folder;
    this.#files = this.#look();
  }

  /** After each backup. */
  step() {
    const now = this.#look();
    for (const [path, { inode, changed, bytes }] of this.#files) {
      const file = now.get(path);
      if (file?.inode !== inode || file.changed !== changed) this.#replaced += bytes;
    }
    this.#files = now;
  }

  get bytes() {
    return diskUse(this.#folder) + this.#replaced;
  }

  #look() {
    const found = new Map();
    for (const entry of readdirSync(this.#folder, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const { ino, mtimeMs, blocks } = statSync(path);
      found.set(path, { inode: ino, changed: mtimeMs, bytes: blocks * BLOCK_BYTES });
    }
    return found;
  }
}
