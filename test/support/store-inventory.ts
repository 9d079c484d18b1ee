/** What a store holds: the files of the newest backup, what each version keeps, and whatever no record names. For two roots that must hold the same. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readChangeList } from '../../src/backup/records/change-list.js';
import { DiskFileSystem } from '../../src/backup/disk/disk-file-system.js';
import { readHead } from '../../src/backup/records/head.js';
import type { StoreLayout } from '../../src/backup/records/layout.js';

export interface Inventory {
  /** Files of the store that no record names. */
  readonly unnamed: string[];
  /** Of the newest backup: path and size. */
  readonly files: string[];
  /** Of each version, oldest first: path and size of what it keeps. */
  readonly versions: string[][];
}

const SINGLETONS = ['catalog.db', 'lock'];

export function inventory(root: string, layout: StoreLayout): Inventory {
  const fs = new DiskFileSystem(root);
  const head = readHead(fs, layout);
  if (head === undefined) throw new Error('no head');
  const named = new Set([...SINGLETONS, `head.${head.gen}`]);
  const versions: string[][] = [];
  for (const { id, delta, listSha256 } of head.chain) {
    const list = `${layout.version(id)}/${delta}`;
    for (const path of [list, `${layout.version(id)}/version.json`]) named.add(path.slice(layout.own.length + 1));
    const kept: string[] = [];
    for (const { k, at, p, old } of readChangeList(fs, list, listSha256)) {
      // The property lists hold the time: two runs within one second make them equal, and then they are no change.
      if (!p.endsWith('.plist')) kept.push(`${k} ${p} ${old?.size ?? ''}`);
      if (k !== 'stored' || at === null) continue;
      named.add(layout.slot(at, p).slice(layout.own.length + 1));
      if (p === 'Manifest.db') named.add(layout.packed(at).slice(layout.own.length + 1));
    }
    versions.push(kept);
  }
  const there = filesBelow(join(root, layout.own));
  return {
    unnamed: there.filter((path) => !named.has(path) && !path.startsWith('shadow/')),
    files: filesBelow(join(root, layout.folder)).map((p) => `${p} ${statSync(join(root, layout.folder, p)).size}`),
    versions,
  };
}

function filesBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => statSync(join(folder, name)).isFile()).sort();
}
