/** What reading commands do with a backup, in process: all of it is exactly what the phone held. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Secret } from '../../src/io/secret.js';
import { chooseBackup } from '../../src/operations/backup-word.js';
import { decrypt } from '../../src/operations/decrypt.js';
import { extractFiles } from '../../src/operations/extract/extract-files.js';
import { findFiles } from '../../src/operations/find-files.js';
import { listFiles } from '../../src/operations/list-files.js';
import { withBackup } from '../../src/operations/open-backup.js';
import { appsOf } from '../../src/operations/selection/records.js';
import { select } from '../../src/operations/selection/selection.js';
import { verify } from '../../src/operations/verify.js';

export interface PhoneFile {
  readonly sha256: string;
  readonly size: number;
  readonly mode: number;
  readonly mtime: number;
}

export type PhoneTree = Readonly<Record<string, PhoneFile>>;

export interface BackupToRead {
  /** Of the backup of one phone. */
  readonly root: string;
  readonly udid: string;
  /** A folder that is not there yet, for what is extracted. */
  readonly scratch: string;
  readonly password: string | undefined;
  readonly tree: PhoneTree;
}

const UMASK = 0o022;

/** What lies below a folder, but for folders and links: content, mode and time of each file. */
export function filesBelow(top: string): PhoneTree {
  const files = namesBelow(top).map((name) => {
    const { mode, mtimeMs, size } = lstatSync(join(top, name));
    const sha256 = createHash('sha256')
      .update(readFileSync(join(top, name)))
      .digest('hex');
    return [name, { sha256, size, mode: mode & 0o7777, mtime: Math.floor(mtimeMs / 1000) }] as const;
  });
  return Object.fromEntries(files);
}

/** Of files; no link is followed. */
function namesBelow(top: string, inside = ''): string[] {
  return readdirSync(join(top, inside), { withFileTypes: true }).flatMap((entry) => {
    const name = inside === '' ? entry.name : `${inside}/${entry.name}`;
    return entry.isDirectory() ? namesBelow(top, name) : entry.isFile() ? [name] : [];
  });
}

/** As they are when they are extracted: never setuid, always open to their owner. */
export function asExtracted(tree: PhoneTree): PhoneTree {
  const files = Object.entries(tree).map(([path, { sha256, mode, mtime, size }]) => {
    const extracted = ((mode & 0o777) | 0o600) & ~UMASK;
    return [path, { sha256, size, mode: extracted, mtime: Math.floor(mtime) }] as const;
  });
  return Object.fromEntries(files);
}

/** `list`, `find`, `extract`, `verify`, and `decrypt` with all of it again. */
export async function expectAllOf(backup: BackupToRead): Promise<void> {
  const { root, udid, scratch, tree } = backup;
  const password = backup.password === undefined ? undefined : async () => Secret.of(backup.password ?? '');
  const chosenAt = async (path: string) =>
    (await chooseBackup({ root, words: [path], udids: [], command: '', cwd: '/' })).chosen;
  const folder = join(root, udid);
  const chosen = await chosenAt(folder);

  await withBackup(chosen, { root, password }, async (opened) => {
    const listed = await collected(listFiles(opened, { selection: select({}, appsOf(opened)), facts: true }));
    const files = listed.filter(({ kind }) => kind === 'file');
    expect(files.map(({ domain, path }) => `${domain}/${path}`).sort()).toEqual(Object.keys(tree).sort());
    for (const { domain, path, facts } of files) {
      const { size, mode, mtime } = tree[`${domain}/${path}`] ?? {};
      expect(facts, path).toMatchObject({ bytes: size, mode: (mode ?? 0) & 0o7777, mtime });
    }
    const known = Object.keys(tree).find((path) => /^[\w./-]+\.\w+$/.test(path)) ?? '';
    const name = known.split('/').at(-1);
    const found = await collected(findFiles(opened, { selection: { paths: [`**/${name}`] } }));
    expect(found.map(({ domain, path }) => `${domain}/${path}`)).toEqual([known]);
  });

  const to = join(scratch, 'extracted');
  const extracted = await extractFiles(chosen, { root, password, to, names: 'raw', umask: UMASK });
  expect(extracted).toMatchObject({ exit: 0, skipped: [], filesDone: expect.any(Number) });
  expect(filesBelow(to)).toEqual(asExtracted(tree));

  expect(await verify(chosen, { root, password, readData: true })).toMatchObject({ problems: [], notSent: 0 });

  if (password === undefined) return;
  const plain = join(scratch, 'plain', udid);
  expect(await decrypt(chosen, { root, password, to: plain, dryRun: false })).toMatchObject({ failed: 0 });
  const copy = await chosenAt(plain);
  expect(await verify(copy, { root, readData: true })).toMatchObject({ problems: [], encrypted: false });
  const again = join(scratch, 'extracted again');
  await extractFiles(copy, { root, to: again, names: 'raw', umask: UMASK });
  expect(filesBelow(again)).toEqual(asExtracted(tree));
}

async function collected<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}
