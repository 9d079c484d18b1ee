/**
 * The finished backup in `<root>/<UDID>/`, read with no link followed below that folder: a link planted there would lead the device, or us, elsewhere.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DevicePath } from './device-path.js';
import { isDesktopLitter } from './layout.js';
import { OverlayError } from './overlay.js';

export interface LowerEntry {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'other';
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** O_NONBLOCK: a named pipe must not hold us up. Windows has neither flag. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
const STATS_AT_ONCE = 32;

export class LowerLayer {
  readonly #folder: string;
  /** Folders already seen to be folders and not links. */
  readonly #checked = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  path(path: DevicePath): string {
    return path === '' ? this.#folder : join(this.#folder, ...path.split('/'));
  }

  /** @throws OverlayError, or the system's error: ENOENT, ELOOP */
  async open(path: DevicePath): Promise<FileHandle> {
    await this.#checkParents(path);
    const file = await open(this.path(path), READ_FLAGS);
    const stat = await file.stat();
    if (stat.isFile()) return file;
    await file.close();
    throw new OverlayError(stat.isDirectory() ? 'EISDIR' : 'ENOENT');
  }

  /** What is there, undefined for nothing. A link is `other`. */
  async entry(path: DevicePath): Promise<LowerEntry | undefined> {
    try {
      await this.#checkParents(path);
      return entryOf(path.slice(path.lastIndexOf('/') + 1), await lstat(this.path(path)));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Sorted by name; nothing for a folder that is not there. Litter of desktops is left out. */
  async list(path: DevicePath): Promise<LowerEntry[]> {
    let names: string[];
    try {
      await this.#checkParents(path);
      if (path !== '' && !(await lstat(this.path(path))).isDirectory()) throw new OverlayError('ENOTDIR');
      names = (await readdir(this.path(path))).filter((name) => !isDesktopLitter(name));
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
    const entries: LowerEntry[] = [];
    for (let start = 0; start < names.length; start += STATS_AT_ONCE) {
      const part = names.slice(start, start + STATS_AT_ONCE);
      const found = await Promise.all(part.map((name) => statOrNothing(join(this.path(path), name))));
      for (const [index, stat] of found.entries()) {
        const name = part[index];
        if (stat !== undefined && name !== undefined) entries.push(entryOf(name, stat));
      }
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Names of the regular files in a folder, without asking for their sizes; nothing for a folder that is not there. */
  async fileNames(path: DevicePath): Promise<string[]> {
    try {
      await this.#checkParents(path);
      if (path !== '' && !(await lstat(this.path(path))).isDirectory()) return [];
      const entries = await readdir(this.path(path), { withFileTypes: true });
      return entries.filter((entry) => entry.isFile() && !isDesktopLitter(entry.name)).map((entry) => entry.name);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  async #checkParents(path: DevicePath): Promise<void> {
    for (let cut = path.indexOf('/'); cut >= 0; cut = path.indexOf('/', cut + 1)) {
      const parent = path.slice(0, cut) as DevicePath;
      if (this.#checked.has(parent)) continue;
      if (!(await lstat(this.path(parent))).isDirectory()) throw new OverlayError('ENOTDIR');
      this.#checked.add(parent);
    }
  }
}

function entryOf(name: string, stat: Stats): LowerEntry {
  const type = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other';
  return { name, type, sizeBytes: type === 'file' ? stat.size : 0, modifiedMs: stat.mtimeMs };
}

async function statOrNothing(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
