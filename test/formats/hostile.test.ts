/** Backups that are damaged or made to do harm, through the reader: a clear error, or a row that is told of and passed over. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { folderSource } from '../../src/backup/reader/backup-source.js';
import { parseKeybag } from '../../src/backup/format/keybag.js';
import { parseMbFile } from '../../src/backup/format/mbfile.js';
import { openBackup } from '../../src/backup/reader/open-backup.js';
import type { FileRecord, OpenedBackup, RecordQuery, UnusableRow } from '../../src/backup/reader/types.js';
import { Secret } from '../../src/io/secret.js';
import { buildBinaryPlist, parsePlist } from '../../src/plist/codec.js';
import { type PlistDict, type PlistValue, PlistReal, PlistUid, plistDict } from '../../src/plist/value.js';
import {
  encrypt,
  fileIdOf,
  makeBackup,
  makeKeybag,
  type MadeBackup,
  type MadeFile,
  makeMbFile,
  sqlite3,
  tag,
} from '../support/made-backup.js';

const top = mkdtempSync(join(tmpdir(), 'ibk-hostile-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

let number = 0;
function made(backup: MadeBackup): string {
  const folder = mkdtempSync(join(top, `${number++}-`));
  makeBackup(folder, backup);
  return folder;
}

const GOOD: MadeFile = { domain: 'HomeDomain', relativePath: 'a.txt', content: Buffer.from('hello backup') };
const GOOD_ID = fileIdOf('HomeDomain', 'a.txt');
const GOOD_PLACE = `${GOOD_ID.slice(0, 2)}/${GOOD_ID}`;
const password = async () => Secret.of('secret');
const open = (folder: string) => openBackup(folderSource(folder), { password });

async function all(backup: OpenedBackup, query: RecordQuery = {}): Promise<FileRecord[]> {
  const found: FileRecord[] = [];
  for await (const page of backup.records(query)) found.push(...page);
  return found;
}

const paths = (records: readonly FileRecord[]) => records.map(({ relativePath }) => relativePath);

async function read(folder: string): Promise<FileRecord[]> {
  await using opened = await open(folder);
  return all(opened);
}

/** The content in pieces, with what came before it broke off. */
async function pieces(folder: string): Promise<{ bytes: Buffer; error: unknown }> {
  await using opened = await open(folder);
  await opened.unlock();
  const content = opened.content((await all(opened))[0]!);
  const parts: Buffer[] = [];
  try {
    for await (const piece of content!.pieces()) parts.push(Buffer.from(piece));
    return { bytes: Buffer.concat(parts), error: undefined };
  } catch (error) {
    expect(() => content!.readWhole()).toThrow();
    return { bytes: Buffer.concat(parts), error };
  } finally {
    content!.close();
  }
}

describe('Manifest.db', () => {
  test.each([
    ['a view in place of the table', 'ALTER TABLE Files RENAME TO F; CREATE VIEW Files AS SELECT * FROM F;'],
    ['no table', 'DROP TABLE Files;'],
    ['a column missing', 'ALTER TABLE Files RENAME COLUMN file TO other;'],
    [
      'no numbers of rows',
      'DROP TABLE Files; CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain, relativePath, flags, file) WITHOUT ROWID;',
    ],
    ['a trigger', 'CREATE TRIGGER t AFTER INSERT ON Files BEGIN DELETE FROM Files; END;'],
  ])('%s', async (_, sql) => {
    await expect(read(made({ era: 'db', files: [GOOD], sql }))).rejects.toMatchObject({
      code: 'damaged',
      reason: 'manifest',
    });
  });

  test.each([
    ['cut off', (path: string) => truncateSync(path, 9000)],
    ['of the wrong kind', (path: string) => writeFileSync(path, 'SQLite format 3\0 but nothing else')],
    [
      'of zeros behind its first bytes',
      (path: string) => writeFileSync(path, Buffer.concat([readFileSync(path).subarray(0, 100), Buffer.alloc(16_000)])),
    ],
    ['empty', (path: string) => truncateSync(path, 0)],
    ['of another program', (path: string) => writeFileSync(path, 'something else')],
  ])('%s', async (_, damage) => {
    const folder = made({ era: 'db', files: [GOOD] });
    damage(join(folder, 'Manifest.db'));
    await expect(read(folder)).rejects.toMatchObject({ code: 'damaged', reason: 'manifest' });
  });

  test.each([
    ['cut off within a block', (bytes: Buffer) => bytes.subarray(0, 4099)],
    ['of another key', (bytes: Buffer) => Buffer.alloc(bytes.length, 7)],
  ])('encrypted and %s', async (_, damage) => {
    const folder = made({ era: 'db', password: 'secret', files: [GOOD] });
    const path = join(folder, 'Manifest.db');
    writeFileSync(path, damage(readFileSync(path)));
    await expect(read(folder)).rejects.toMatchObject({ code: 'damaged', reason: 'manifest' });
  });

  const hex = (bytes: Buffer) => `x'${bytes.toString('hex')}'`;
  const record = hex(makeMbFile(GOOD, { key: undefined, digest: undefined }));
  const id = (digit: string) => digit.repeat(40);

  test('rows of all kinds are told of and passed over', async () => {
    const sql = [
      [`'../../../etc/passwd'`, `'D'`, `'p'`, 1],
      [`'${'A'.repeat(40)}'`, `'D'`, `'p'`, 1],
      [`x'00'`, `'D'`, `'p'`, 1],
      [`'${id('1')}'`, `x'44'`, `'p'`, 1],
      [`'${id('2')}'`, `'D'`, `17`, 1],
      [`'${id('3')}'`, 'NULL', `'p'`, 1],
      [`'${id('4')}'`, `'D'`, `'p'`, 3],
      [`'${id('5')}'`, `'D'`, `'p'`, `'file'`],
      [`'${id('6')}'`, `'D'`, `hex(zeroblob(200000))`, 1],
      [`'${id('7')}'`, 'NULL', 'NULL', 16],
    ].map(
      ([fileId, domain, path, flags]) =>
        `INSERT INTO Files VALUES (${fileId}, ${domain}, ${path}, ${flags}, ${record});`,
    );
    const folder = made({ era: 'db', files: [GOOD], sql: sql.join('\n') });
    const told: UnusableRow[] = [];
    await using opened = await open(folder);
    expect(paths(await all(opened, { onUnusable: (row) => told.push(row) }))).toEqual(['a.txt', '17']);
    expect(told.map(({ why }) => why).join(' ')).toBe('file_id file_id file_id name name kind kind name');
  });

  test.each([
    ['no bytes', 'NULL'],
    ['text', `'text'`],
    ['garbage', `x'00112233'`],
    ['a plist of something else', hex(buildBinaryPlist('x'))],
  ])('a record that is %s harms nobody else', async (_, blob) => {
    const sql = `INSERT INTO Files VALUES ('${id('1')}', 'D', 'bad', 1, ${blob});`;
    await using opened = await open(made({ era: 'db', files: [GOOD], sql }));
    const [good, bad] = await all(opened);
    expect(good!.details().sizeBytes).toBe(12);
    expect(() => bad!.details()).toThrow(expect.objectContaining({ code: 'damaged', reason: 'record' }));
    expect(() => opened.content(bad!)).toThrow(expect.objectContaining({ code: 'damaged', reason: 'record' }));
  });

  const MANY = Array.from(
    { length: 5000 },
    (_, n): MadeFile => ({
      domain: n % 2 === 0 ? 'HomeDomain' : 'AppDomain-x',
      relativePath: `d${n % 10}/${n}`,
      stored: null,
    }),
  );
  const schemas: [string, string][] = [
    ['as up to iOS 26', ''],
    ['as in iOS 27', 'DROP INDEX FilesDomainIdx; CREATE INDEX i ON Files(domain, relativePath);'],
    ['without any', 'DROP INDEX FilesDomainIdx; DROP INDEX FilesRelativePathIdx; DROP INDEX FilesFlagsIdx;'],
    [
      'that ignore case',
      'DROP INDEX FilesDomainIdx; DROP INDEX FilesRelativePathIdx; CREATE INDEX a ON Files(domain COLLATE NOCASE); CREATE INDEX b ON Files(relativePath DESC);',
    ],
    [
      'without a primary key',
      `CREATE TABLE F AS SELECT * FROM Files; DROP TABLE Files; CREATE TABLE Files (fileID, domain, relativePath, flags, file); INSERT INTO Files SELECT * FROM F; DROP TABLE F;`,
    ],
  ];
  test.each(schemas)('indexes %s give the same answers', async (_, sql) => {
    await using opened = await open(made({ era: 'db', files: MANY, sql }));
    const expected = (matches: (file: MadeFile) => boolean) =>
      MANY.filter(matches)
        .map(({ relativePath }) => relativePath)
        .sort();
    expect(paths(await all(opened)).sort()).toEqual(expected(() => true));
    expect(paths(await all(opened, { domains: ['HomeDomain'] })).sort()).toEqual(
      expected(({ domain }) => domain === 'HomeDomain'),
    );
    expect(paths(await all(opened, { domains: ['HomeDomain'], below: 'd4' })).sort()).toEqual(
      expected(({ domain, relativePath }) => domain === 'HomeDomain' && relativePath.startsWith('d4/')),
    );
    expect((await opened.find('HomeDomain', 'd4/1134'))?.relativePath).toBe('d4/1134');
    expect(await opened.find('homedomain', 'd4/1134')).toBeUndefined();
  });
});

describe('write-ahead logs', () => {
  /** As a program leaves it that is killed before it moved its log into the database. */
  function withLog(folder: string): void {
    const path = join(folder, 'Manifest.db');
    const other = mkdtempSync(join(top, 'wal-'));
    copyFileSync(path, join(other, 'Manifest.db'));
    const script = [
      'PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;',
      `INSERT INTO Files SELECT '${'9'.repeat(40)}', domain, 'only in the log', 1, file FROM Files LIMIT 1;`,
      `.shell cp ${other}/Manifest.db ${other}/Manifest.db-wal ${folder}/`,
    ].join('\n');
    sqlite3(join(other, 'Manifest.db'), script);
  }

  const state = (folder: string) =>
    readdirSync(folder)
      .sort()
      .map((name) => `${name} ${statSync(join(folder, name)).mtimeMs}`);

  test('what is only in the log is read, and nothing changes', async () => {
    const folder = made({ era: 'db', files: [GOOD] });
    withLog(folder);
    const before = state(folder);
    expect(before.some((line) => line.startsWith('Manifest.db-wal'))).toBe(true);
    expect(paths(await read(folder))).toEqual(['a.txt', 'only in the log']);
    expect(state(folder)).toEqual(before);
  });

  test('write-ahead mode without a log: nothing is made beside it', async () => {
    const folder = made({ era: 'db', files: [GOOD], sql: 'PRAGMA journal_mode=WAL;' });
    for (const name of readdirSync(folder)) if (/-(?:wal|shm)$/.test(name)) rmSync(join(folder, name));
    const before = state(folder);
    expect(readFileSync(join(folder, 'Manifest.db'))[18]).toBe(2);
    expect(paths(await read(folder))).toEqual(['a.txt']);
    expect(state(folder)).toEqual(before);
  });
});

test('a copy that was decrypted by another tool, with the keys left in it', async () => {
  const folder = made({ era: 'db-10.1', files: [{ ...GOOD }], password: 'secret' });
  writeFileSync(join(folder, GOOD_PLACE), 'hello backup');
  const path = join(folder, 'Manifest.plist');
  const plist = parsePlist(readFileSync(path), 'x') as PlistDict;
  writeFileSync(path, buildBinaryPlist({ ...plist, ManifestKey: Buffer.alloc(44) }));
  await using opened = await openBackup(folderSource(folder));
  const content = opened.content((await all(opened))[0]!)!;
  expect(content.readWhole().toString()).toBe('hello backup');
  content.close();
});

describe('payloads', () => {
  test.each([
    ['a pipe', (place: string) => execFileSync('mkfifo', [place])],
    ['a link', (place: string) => symlinkSync('/etc/passwd', place)],
    ['a folder', (place: string) => mkdirSync(place)],
  ])('%s in place of a file is not opened', async (_, put) => {
    const folder = made({ era: 'db', files: [{ ...GOOD }] });
    rmSync(join(folder, GOOD_PLACE));
    put(join(folder, GOOD_PLACE));
    await using opened = await open(folder);
    const [record] = await all(opened);
    expect(() => opened.content(record!)).toThrow(expect.objectContaining({ code: 'unsafe', reason: 'not_a_file' }));
    expect(() => opened.stored(record!)).toThrow(expect.objectContaining({ code: 'unsafe' }));
  });

  test.each(['EACCES', 'EIO'])('%s of one file is told of that file', async (errno) => {
    const folder = made({ era: 'db', files: [GOOD] });
    const source = folderSource(folder);
    const failing = (path: string) => {
      if (path === GOOD_PLACE) throw Object.assign(new Error(errno), { code: errno });
      return source.open(path);
    };
    await using opened = await openBackup({ ...source, open: failing });
    const [record] = await all(opened);
    expect(() => opened.content(record!)).toThrow(
      expect.objectContaining({ code: 'damaged', details: { path: GOOD_PLACE, errno } }),
    );
  });

  test('missing: undefined', async () => {
    const folder = made({ era: 'db', password: 'secret', files: [{ ...GOOD, stored: null }] });
    await using opened = await open(folder);
    const [record] = await all(opened);
    expect(opened.content(record!)).toBeUndefined();
    expect(opened.stored(record!)).toBeUndefined();
  });

  const key = Buffer.alloc(32, 1);
  const long = Buffer.alloc(2_500_000, 'x');
  test.each([
    ['cut off within a block', 'cut', (stored: Buffer) => stored.subarray(0, -3), 2_500_000 - (2_500_000 % 16)],
    ['cut off between blocks', 'padding', (stored: Buffer) => stored.subarray(0, -32), 2_500_000 - 16],
    ['shorter than a block', 'cut', (stored: Buffer) => stored.subarray(0, 5), 0],
    ['of another key', 'padding', () => encrypt(key, Buffer.alloc(100)), 112],
  ])('encrypted and %s: what there is, then an error', async (_, reason, damage, bytes) => {
    const folder = made({ era: 'db', password: 'secret', files: [{ ...GOOD, content: long }] });
    const place = join(folder, GOOD_PLACE);
    writeFileSync(place, damage(readFileSync(place)));
    const found = await pieces(folder);
    expect(found.error).toMatchObject({ code: 'damaged', reason });
    expect(found.bytes.length).toBe(bytes);
  });

  test('a key that does not unwrap, or of a class that nobody has', async () => {
    for (const broken of [Buffer.alloc(44, 3), Buffer.alloc(72), Buffer.alloc(0)]) {
      const record = makeMbFile(GOOD, { key: broken, digest: undefined }).toString('hex');
      const folder = made({ era: 'db', password: 'secret', files: [] });
      await using opened = await open(folder);
      await opened.unlock();
      const details = { ...parseMbFile(Buffer.from(record, 'hex')) };
      const bad = {
        fileId: GOOD_ID,
        domain: 'D',
        relativePath: 'p',
        kind: 'file',
        details: () => details,
      } as unknown as FileRecord;
      expect(() => opened.content(bad)).toThrow(expect.objectContaining({ code: 'damaged', reason: 'key' }));
    }
  });
});

describe('keybags', () => {
  const u32 = (value: number) => Buffer.from([value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);
  const bag = makeKeybag('secret', true);
  const withCount = (name: string, count: number) => {
    const at = bag.indexOf(name);
    return Buffer.concat([bag.subarray(0, at + 8), u32(count), bag.subarray(at + 12)]);
  };

  async function unlocking(keybag: Buffer): Promise<void> {
    const folder = made({ era: 'mbdb', password: 'secret', files: [] });
    const path = join(folder, 'Manifest.plist');
    const plist = parsePlist(readFileSync(path), 'x') as PlistDict;
    writeFileSync(path, buildBinaryPlist({ ...plist, BackupKeyBag: keybag }));
    await using opened = await open(folder);
    await opened.unlock();
  }

  test('that ask for hours are refused', async () => {
    for (const name of ['ITER', 'DPIC'])
      await expect(unlocking(withCount(name, 0xffffffff))).rejects.toMatchObject({
        code: 'unsafe',
        reason: 'iterations',
      });
    await expect(unlocking(withCount('DPIC', 0))).rejects.toMatchObject({ code: 'damaged', reason: 'keybag' });
  });

  test('with one damaged class still open the others', async () => {
    const damaged = Buffer.from(bag);
    damaged.writeUInt8(~damaged.readUInt8(damaged.indexOf('WPKY') + 10) & 0xff, damaged.indexOf('WPKY') + 10);
    await unlocking(damaged);
  });

  test.each([
    ['a length past the end', Buffer.concat([bag.subarray(0, 4), u32(0xffffffff), bag.subarray(8)])],
    ['an end in the middle', bag.subarray(0, bag.length - 1)],
    ['nothing', Buffer.alloc(0)],
    ['no class', bag.subarray(0, bag.lastIndexOf('UUID', bag.indexOf('CLAS')))],
    ['a version of three bytes', Buffer.concat([tag('VERS', Buffer.alloc(3)), bag.subarray(12)])],
    ['a megabyte', Buffer.concat([tag('XXXX', Buffer.alloc(1_000_000)), bag])],
  ])('%s', async (_, bytes) => {
    expect(() => parseKeybag(bytes)).toThrow(expect.objectContaining({ code: 'damaged', reason: 'keybag' }));
    await expect(unlocking(bytes)).rejects.toMatchObject({ code: 'damaged', reason: 'keybag' });
  });

  test('tags that nobody knows, and any order within a class', () => {
    expect(parseKeybag(Buffer.concat([bag, tag('NEW1', Buffer.alloc(7))])).classes).toHaveLength(11);
  });
});

describe('keyed archives', () => {
  const archive = (objects: PlistValue[], root = 1) =>
    buildBinaryPlist(plistDict({ $top: plistDict({ root: new PlistUid(root) }), $objects: objects }));
  const uid = (index: number) => new PlistUid(index);

  test('every shape of data and of times', () => {
    const data = Buffer.from('digest');
    for (const digest of [data, uid(2), uid(3), uid(4)]) {
      const objects = [
        '$null',
        plistDict({ Digest: digest }),
        data,
        plistDict({ 'NS.data': data }),
        plistDict({ 'NS.data': uid(2) }),
      ];
      expect(parseMbFile(archive(objects)).digest).toEqual(data);
    }
    const date = new Date('2023-11-14T22:13:20Z');
    const since2001 = 1_700_000_000 - 978_307_200;
    for (const time of [1_700_000_000, new PlistReal(1_700_000_000), date, uid(2), uid(3), uid(4)]) {
      const dates = [plistDict({ 'NS.time': new PlistReal(since2001) }), date, plistDict({ 'NS.time': since2001 })];
      expect(parseMbFile(archive(['$null', plistDict({ LastModified: time }), ...dates])).mtime).toBe(1_700_000_000);
    }
    const nothing = plistDict({ Target: uid(0), Digest: uid(0), EncryptionKey: uid(9), Mode: 'x', Size: 2n ** 62n });
    expect(parseMbFile(archive(['$null', nothing]))).toMatchObject({
      target: undefined,
      digest: undefined,
      wrappedKey: undefined,
      mode: undefined,
      sizeBytes: undefined,
    });
  });

  test('33,000 objects, UIDs of three bytes', () => {
    const objects: PlistValue[] = ['$null', ...Array.from({ length: 33_000 }, (_, n) => n)];
    objects.push(plistDict({ Size: 7, Target: uid(33_002) }), 'the target');
    expect(parseMbFile(archive(objects, 33_001))).toMatchObject({ sizeBytes: 7, target: 'the target' });
  });

  test('circles and depth cost nothing', () => {
    let deep: PlistValue = 'x';
    for (let depth = 0; depth < 2000; depth++) deep = [deep];
    const circle = plistDict({ Target: uid(1), Digest: uid(2), EncryptionKey: uid(2), LastModified: uid(3) });
    const objects = ['$null', circle, plistDict({ 'NS.data': uid(2) }), plistDict({ 'NS.time': uid(3) }), deep];
    expect(parseMbFile(archive(objects))).toMatchObject({ target: undefined, digest: undefined, mtime: undefined });
    for (const root of [0, 9, 2 ** 31]) {
      const parsing = () => parseMbFile(archive(objects, root));
      if (root === 0) expect(parsing()).toMatchObject({ mode: undefined });
      else expect(parsing).toThrow(expect.objectContaining({ code: 'damaged', reason: 'record' }));
    }
  });
});

describe('Manifest.mbdb', () => {
  test('sizes of 2^62, unknown kinds, many long attributes', async () => {
    const attributes = Object.fromEntries(Array.from({ length: 255 }, (_, n) => [`name ${n}`, Buffer.alloc(4000, n)]));
    const folder = made({
      era: 'mbdb',
      files: [
        { ...GOOD, size: 2n ** 62n },
        { ...GOOD, relativePath: 'b', attributes },
        { ...GOOD, relativePath: 'c' },
      ],
    });
    const records = await read(folder);
    expect(paths(records)).toEqual(['a.txt', 'b', 'c']);
    expect(records[0]!.details().sizeBytes).toBe(0);
    expect(records[1]!.details().extendedAttributes?.equals(buildBinaryPlist(plistDict(attributes)))).toBe(true);
  });

  test.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['of another kind', (bytes: Buffer) => Buffer.concat([Buffer.from('mbdb'), bytes])],
    ['empty', () => Buffer.alloc(0)],
  ])('%s', async (_, damage) => {
    const folder = made({ era: 'mbdb', files: [GOOD] });
    const path = join(folder, 'Manifest.mbdb');
    writeFileSync(path, damage(readFileSync(path)));
    await expect(read(folder)).rejects.toMatchObject({ code: 'damaged', reason: 'manifest' });
  });
});

test('a folder that is no backup', async () => {
  const folder = mkdtempSync(join(top, 'none-'));
  writeFileSync(join(folder, 'letter.txt'), 'x');
  await expect(open(folder)).rejects.toMatchObject({ code: 'not_found', reason: 'no_backup' });
});

test('a backup without its manifest', async () => {
  const folder = made({ era: 'db', files: [GOOD] });
  rmSync(join(folder, 'Manifest.db'));
  await expect(open(folder)).rejects.toMatchObject({ code: 'damaged', reason: 'manifest' });
});

test('descriptions of iPhone OS 3 that are damaged are told of', async () => {
  const folder = made({ era: 'mdinfo', files: [GOOD, { ...GOOD, relativePath: 'b' }] });
  writeFileSync(join(folder, `${GOOD_ID}.mdinfo`), 'garbage');
  await using opened = await open(folder);
  const told: UnusableRow[] = [];
  expect(paths(await all(opened, { onUnusable: (row) => told.push(row) }))).toEqual(['b']);
  expect(told).toEqual([{ fileId: GOOD_ID, domain: null, relativePath: null, why: 'name' }]);
});
