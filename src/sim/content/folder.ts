/** A phone's files from a folder of this computer: `<folder>/<Domain>/<relative path>`. Read anew for every backup. */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { IbkError } from '../../errors.js';
import type { ContentItem } from './item.js';

/** @throws IbkError `usage` when the folder cannot be read. Sockets, devices and the like are left out. */
export async function scanContentFolder(folder: string): Promise<ContentItem[]> {
  const items: ContentItem[] = [];
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) await scanInto(items, join(folder, entry.name), entry.name, '');
    }
  } catch (cause) {
    throw new IbkError('usage', `The content folder ${folder} cannot be read.`, { cause });
  }
  return items;
}

async function scanInto(items: ContentItem[], path: string, domain: string, relativePath: string): Promise<void> {
  const stats = await lstat(path, { bigint: true });
  const facts = {
    domain,
    relativePath,
    userId: 501,
    groupId: 501,
    inode: Number(stats.ino & 0xffff_ffffn),
    modified: seconds(stats.mtimeNs),
    changed: seconds(stats.ctimeNs),
    born: seconds(stats.birthtimeNs),
    extendedAttributes: undefined,
  };
  const permissions = Number(stats.mode & 0o7777n);
  if (stats.isDirectory()) {
    items.push({ kind: 'directory', ...facts, mode: 0o040000 | permissions, protectionClass: 0 });
    const prefix = relativePath === '' ? '' : `${relativePath}/`;
    for (const name of await readdir(path)) await scanInto(items, join(path, name), domain, `${prefix}${name}`);
  } else if (stats.isSymbolicLink()) {
    const target = await readlink(path);
    items.push({ kind: 'symlink', ...facts, mode: 0o120000 | permissions, protectionClass: 0, target });
  } else if (stats.isFile()) {
    const id = `disk/${domain}/${relativePath}`;
    const source = { kind: 'disk', id, revision: revisionOf(stats), path } as const;
    const sizeBytes = Number(stats.size);
    items.push({ kind: 'file', ...facts, mode: 0o100000 | permissions, protectionClass: 3, sizeBytes, source });
  }
}

function revisionOf(stats: BigIntStats): string {
  return `${stats.ino}/${stats.size}/${stats.mtimeNs}`;
}

function seconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000_000n);
}
