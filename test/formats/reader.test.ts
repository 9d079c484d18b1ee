/** Backups of every generation, plain and encrypted, through the reader: what was put in comes out. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { folderSource } from '../../src/backup/reader/backup-source.js';
import { openBackup } from '../../src/backup/reader/open-backup.js';
import type { FileRecord, OpenedBackup } from '../../src/backup/reader/types.js';
import { Secret } from '../../src/io/secret.js';
import { makeBackup, type MadeBackup, type MadeFile } from '../support/made-backup.js';

const top = mkdtempSync(join(tmpdir(), 'ibk-reader-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

const big = Buffer.concat([randomBytes(3_000_000), Buffer.alloc(5)]);
const FILES: readonly MadeFile[] = [
  { domain: 'HomeDomain', relativePath: '', kind: 'directory', mode: 0o755 },
  { domain: 'HomeDomain', relativePath: 'Library', kind: 'directory', mode: 0o700 },
  {
    domain: 'HomeDomain',
    relativePath: 'Library/a.txt',
    content: Buffer.from('hello backup'),
    digest: true,
    mode: 0o600,
  },
  { domain: 'HomeDomain', relativePath: 'Library/empty', content: Buffer.alloc(0) },
  {
    domain: 'HomeDomain',
    relativePath: 'Library/stored as nothing',
    content: Buffer.alloc(0),
    stored: Buffer.alloc(0),
  },
  { domain: 'HomeDomain', relativePath: 'Library/link', kind: 'symlink', target: '/var/mobile/x' },
  { domain: 'HomeDomain', relativePath: 'Library/block', content: Buffer.alloc(16, 'b') },
  { domain: 'HomeDomain', relativePath: 'Library.txt', content: Buffer.from('not below Library') },
  {
    domain: 'HomeDomain',
    relativePath: 'Library/Grüße/ä_%.txt',
    content: Buffer.from('ü'),
    attributes: { x: Buffer.of(1, 2) },
  },
  { domain: 'CameraRollDomain', relativePath: 'Media/big.mov', content: big, size: 5, protectionClass: 4 },
  { domain: 'AppDomain-com.example', relativePath: 'Documents/open', content: Buffer.from('as it is'), unkeyed: true },
  { domain: 'AppDomain-com.example', relativePath: 'Library/other', content: Buffer.from('other domain') },
  { domain: 'AppDomain-com.example', relativePath: 'Documents/gone', content: Buffer.from('x'), stored: null },
];
const OLD_FILES = FILES.filter(
  ({ kind, attributes, stored }) => kind === undefined && attributes === undefined && !(stored instanceof Buffer),
);

let number = 0;
function made(backup: MadeBackup): string {
  const folder = mkdtempSync(join(top, `${number++}-`));
  makeBackup(folder, backup);
  return folder;
}

const asked = (...passwords: string[]) => {
  let questions = 0;
  const left = [...passwords];
  return {
    ask: async () => {
      questions += 1;
      return left.length === 0 ? undefined : Secret.of(left.shift() ?? '');
    },
    questions: () => questions,
  };
};

async function all(backup: OpenedBackup, query = {}): Promise<FileRecord[]> {
  const found: FileRecord[] = [];
  for await (const page of backup.records(query)) found.push(...page);
  return found;
}

async function streamed(backup: OpenedBackup, record: FileRecord): Promise<Buffer | undefined> {
  const content = backup.content(record);
  if (content === undefined) return undefined;
  const parts: Buffer[] = [];
  for await (const piece of content.pieces()) parts.push(Buffer.from(piece));
  content.close();
  return Buffer.concat(parts);
}

const names = (records: readonly FileRecord[]) =>
  records.map(({ domain, relativePath }) => `${domain}-${relativePath}`).sort();

/** Every name, size and time of what lies in a folder. */
function state(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => `${name} ${statSync(join(folder, name)).mtimeMs} ${statSync(join(folder, name)).size}`)
    .join('\n');
}

const GENERATIONS: readonly MadeBackup[] = [
  { era: 'db', files: FILES },
  { era: 'db', password: 'secret', files: FILES },
  { era: 'db-10.1', password: 'secret', files: FILES },
  { era: 'db-10.0', password: 'secret', files: FILES },
  { era: 'mbdb', files: FILES },
  { era: 'mbdb', password: 'secret', files: FILES },
  { era: 'mdinfo', files: OLD_FILES },
  { era: 'mdinfo', password: 'secret', files: OLD_FILES },
  { era: 'mdbackup', files: OLD_FILES.filter(({ stored }) => stored !== null) },
];

describe.each(
  GENERATIONS.map(
    (backup) => [`${backup.era}, ${backup.password === undefined ? 'plain' : 'encrypted'}`, backup] as const,
  ),
)('%s', (_, backup) => {
  const folder = made(backup);
  const before = state(folder);
  afterAll(() => expect(state(folder)).toBe(before));
  const { files } = backup;
  const open = () => openBackup(folderSource(folder), { password: asked(backup.password ?? '').ask });

  test('names, kinds and contents', async () => {
    await using opened = await open();
    await opened.unlock();
    expect(opened.encrypted).toBe(backup.password !== undefined);
    const records = await all(opened);
    expect(names(records)).toEqual(files.map(({ domain, relativePath }) => `${domain}-${relativePath}`).sort());
    for (const file of files) {
      const record = records.find(
        ({ domain, relativePath }) => domain === file.domain && relativePath === file.relativePath,
      )!;
      expect(record.kind).toBe(file.kind ?? 'file');
      expect(record.fileId).toBe(createHash('sha1').update(`${file.domain}-${file.relativePath}`).digest('hex'));
      const expected = file.kind === undefined && file.stored !== null ? file.content : undefined;
      const content = await streamed(opened, record);
      expect(content?.length).toBe(expected?.length);
      expect(content === undefined || expected === undefined || content.equals(expected)).toBe(true);
      if (expected !== undefined && expected.length < 1000) {
        const whole = opened.content(record)!;
        expect(whole.plainBytes()).toBe(expected.length);
        expect(whole.readWhole()).toEqual(expected);
        whole.close();
      }
    }
  });

  test('one by its name, a domain, a folder', async () => {
    await using opened = await open();
    expect((await opened.find('HomeDomain', 'Library/a.txt'))?.relativePath).toBe('Library/a.txt');
    expect(await opened.find('HomeDomain', 'Library/b.txt')).toBeUndefined();
    const inDomain = files.filter(({ domain }) => domain === 'AppDomain-com.example');
    expect(names(await all(opened, { domains: ['AppDomain-com.example'] }))).toEqual(
      inDomain.map(({ domain, relativePath }) => `${domain}-${relativePath}`).sort(),
    );
    const below = files.filter(
      ({ domain, relativePath }) => domain === 'HomeDomain' && /^Library(\/|$)/.test(relativePath),
    );
    expect(names(await all(opened, { domains: ['HomeDomain'], below: 'Library' }))).toEqual(
      below.map(({ domain, relativePath }) => `${domain}-${relativePath}`).sort(),
    );
    expect(await all(opened, { domains: [] })).toEqual([]);
    expect(await all(opened, { domains: ['HomeDomain'], below: 'Library/a' })).toEqual([]);
  });
});

describe('the password', () => {
  const folder = made({ era: 'db', password: 'pässwörd', files: OLD_FILES.slice(0, 1) });

  test('is asked for once, and only when it is needed', async () => {
    const { ask, questions } = asked('pässwörd', 'no');
    await using opened = await openBackup(folderSource(folder), { password: ask });
    expect(opened.manifest?.deviceName).toBe("Anna's iPhone");
    expect(questions()).toBe(0);
    await Promise.all([all(opened), opened.unlock(), opened.find('HomeDomain', 'x')]);
    await opened.unlock();
    expect(questions()).toBe(1);
  });

  test.each(['NFC', 'NFD'])('opens in %s as well', async (form) => {
    await using opened = await openBackup(folderSource(folder), { password: asked('pässwörd'.normalize(form)).ask });
    expect(await all(opened)).toHaveLength(1);
  });

  test('wrong, or none', async () => {
    for (const [ask, reason, questions] of [
      [asked('wrong'), 'wrong_password', 2],
      [asked('same', 'same', 'pässwörd'), 'wrong_password', 2],
      [asked('a', 'b', 'c', 'pässwörd'), 'wrong_password', 3],
      [asked(), 'no_password', 1],
    ] as const) {
      await using opened = await openBackup(folderSource(folder), { password: ask.ask });
      await expect(all(opened)).rejects.toMatchObject({ code: 'password', reason });
      expect(ask.questions()).toBe(questions);
    }
    await using closed = await openBackup(folderSource(folder));
    await expect(all(closed)).rejects.toMatchObject({ code: 'password', reason: 'no_password' });
  });

  test('is forgiven a slip', async () => {
    await using opened = await openBackup(folderSource(folder), { password: asked('wrong', 'pässwörd').ask });
    expect(await all(opened)).toHaveLength(1);
  });
});
