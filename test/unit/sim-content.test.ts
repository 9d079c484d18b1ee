import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import Database from 'better-sqlite3';
import { contentChunks } from '../../src/sim/content/bytes.js';
import { PhoneContent } from '../../src/sim/content/content.js';
import { isDigestingDomain } from '../../src/sim/content/domains.js';
import type { FileItem } from '../../src/sim/content/item.js';
import { parseByteCount } from '../../src/sim/content/sizes.js';

const OPTIONS = { seed: 7, files: 300, bytes: 3_000_000 };

async function files(content: PhoneContent): Promise<FileItem[]> {
  return (await content.items()).filter((item): item is FileItem => item.kind === 'file');
}

test('the same seed gives the same phone, another seed another', async () => {
  const tree = await PhoneContent.fromSeed(OPTIONS).tree(true);
  expect(await PhoneContent.fromSeed(OPTIONS).tree(true)).toEqual(tree);
  expect(Object.keys(tree)).toHaveLength(300);
  const other = await PhoneContent.fromSeed({ ...OPTIONS, seed: 8 }).tree(true);
  const hashes = new Set(Object.values(tree).map(({ sha256 }) => sha256));
  const empty = createHash('sha256').digest('hex');
  expect(Object.values(other).filter(({ sha256 }) => sha256 !== empty && hashes.has(sha256))).toEqual([]);
});

test('a mutation does what it says, and state brings it back', async () => {
  const content = PhoneContent.fromSeed(OPTIONS);
  const before = await content.tree(true);
  const report = await content.mutate({ add: 6, change: 5, remove: 4, rename: 3 });
  await content.mutate({ add: 1, change: 1, remove: 1, rename: 1 });
  const once = PhoneContent.fromSeed(OPTIONS);
  await once.mutate({ add: 6, change: 5, remove: 4, rename: 3 });
  const after = await once.tree(true);
  expect(report.changed[0]).toBe('HomeDomain/Library/SMS/sms.db');
  for (const name of report.added) expect([before[name], typeof after[name]]).toEqual([undefined, 'object']);
  for (const name of report.changed) expect(after[name]?.sha256).not.toBe(before[name]?.sha256);
  for (const name of report.removed) expect(after[name]).toBeUndefined();
  for (const [from, to] of report.renamed)
    expect([after[from], after[to]?.sha256]).toEqual([undefined, before[from]?.sha256]);
  const touched = [...report.changed, ...report.removed, ...report.renamed.map(([from]) => from)];
  expect(new Set(touched).size).toBe(12);
  for (const name of Object.keys(before)) if (!touched.includes(name)) expect(after[name]).toEqual(before[name]);
  const kept = PhoneContent.fromState(JSON.parse(JSON.stringify(content.toState())));
  expect(await kept.items()).toEqual(await content.items());
});

test('no two mutations of a file give the same content or date', async () => {
  const content = PhoneContent.fromSeed({ seed: 1, files: 1, bytes: 100_000 });
  const seen = new Set<string>();
  for (let i = 0; i < 10; i += 1) {
    const [entry] = Object.values(await content.tree(false));
    seen.add(`${entry?.sha256} ${entry?.mtime}`);
    await content.mutate({ add: 0, change: 1, remove: 0, rename: 0 });
  }
  expect(seen.size).toBe(10);
});

test('content has what breaks programs: case twins, emoji, long and empty names of files, links, attributes', async () => {
  const items = await PhoneContent.fromSeed(OPTIONS).items();
  const names = items.map(({ relativePath }) => relativePath);
  const folded = names.map((name) => name.toLowerCase());
  expect(new Set(folded).size).toBeLessThan(new Set(names).size);
  expect(names.some((name) => name.normalize('NFC') !== name)).toBe(true);
  expect(names.some((name) => /\p{Emoji_Presentation}/u.test(name))).toBe(true);
  expect(names.some((name) => Buffer.byteLength(name) > 200)).toBe(true);
  expect(items.some((item) => item.kind === 'symlink')).toBe(true);
  expect(items.some((item) => item.extendedAttributes !== undefined)).toBe(true);
  expect(items.some((item) => item.kind === 'file' && item.sizeBytes === 0)).toBe(true);
  const domains = new Set(items.map(({ domain }) => domain.replace(/-.*/, '')));
  for (const domain of [
    'HomeDomain',
    'CameraRollDomain',
    'AppDomain',
    'AppDomainGroup',
    'AppDomainPlugin',
    'KeychainDomain',
  ]) {
    expect(domains).toContain(domain);
  }
  // Every item has its parents before it.
  const seen = new Set<string>();
  for (const { domain, relativePath } of items) {
    const parent = relativePath.includes('/') ? relativePath.slice(0, relativePath.lastIndexOf('/')) : '';
    if (relativePath !== '') expect(seen).toContain(`${domain}\0${parent}`);
    seen.add(`${domain}\0${relativePath}`);
  }
});

test('the message database is a real one', async () => {
  const messages = (await files(PhoneContent.fromSeed(OPTIONS))).find(({ relativePath }) =>
    relativePath.endsWith('sms.db'),
  );
  const bytes = Buffer.concat([...(contentChunks(messages as FileItem) as Iterable<Buffer>)]);
  const db = new Database(bytes);
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(db.prepare('SELECT count(*) AS n FROM message').get()).toEqual({ n: 200 });
  db.close();
});

test('one file of 2 GiB, and synthetic ones beyond 4 GiB, cost no memory', async () => {
  const content = PhoneContent.fromSeed({ seed: 1, files: 1, bytes: 2 * 1024 ** 3, hugeFileBytes: 5 * 1024 ** 3 + 3 });
  const [first, huge] = await files(content);
  expect([first?.sizeBytes, huge?.sizeBytes]).toEqual([2 ** 31, 5 * 2 ** 30 + 3]);
  let bytes = 0;
  for await (const chunk of contentChunks(huge as FileItem)) bytes += chunk.length;
  expect(bytes).toBe(5 * 2 ** 30 + 3);
});

test('content from a folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ibk-test-content-'));
  try {
    mkdirSync(join(folder, 'HomeDomain/Library'), { recursive: true });
    writeFileSync(join(folder, 'HomeDomain/Library/a.txt'), 'hello');
    symlinkSync('a.txt', join(folder, 'HomeDomain/Library/link'));
    const content = PhoneContent.fromFolder(folder, 1);
    const sha256 = createHash('sha256').update('hello').digest('hex');
    expect(await content.tree(false)).toMatchObject({ 'HomeDomain/Library/a.txt': { sha256, size: 5 } });
    expect((await content.items()).map(({ kind, relativePath }) => `${kind} ${relativePath}`)).toEqual([
      'directory ',
      'directory Library',
      'file Library/a.txt',
      'symlink Library/link',
    ]);
    writeFileSync(join(folder, 'HomeDomain/Library/a.txt'), 'hello again');
    expect(await content.tree(false)).toMatchObject({ 'HomeDomain/Library/a.txt': { size: 11 } });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('digests are for system domains', () => {
  const yes = ['HomeDomain', 'KeychainDomain', 'HealthDomain', 'RootDomain'].map(isDigestingDomain);
  const no = [
    'AppDomain-x',
    'AppDomainGroup-x',
    'AppDomainPlugin-x',
    'SysContainerDomain-x',
    'CameraRollDomain',
    'MediaDomain',
  ];
  expect(yes).toEqual([true, true, true, true]);
  expect(no.filter(isDigestingDomain)).toEqual([]);
});

test('byte counts', () => {
  expect(['500', '64K', '50M', '2G', '1.5G'].map((text) => parseByteCount(text, 'x'))).toEqual([
    500, 65_536, 52_428_800, 2_147_483_648, 1_610_612_736,
  ]);
  for (const text of ['', 'x', '-1', '1e3', '9999999T']) expect(() => parseByteCount(text, 'x')).toThrow('x cannot be');
});
