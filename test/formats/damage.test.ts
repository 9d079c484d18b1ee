/** Each kind of damage, inflicted on copies of one small backup of every form, is found and named; nothing is found in a good one. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { folderSource } from '../../src/backup/reader/backup-source.js';
import { type VerifiedBackup, verifyBackup, type VerifyBackupOptions } from '../../src/backup/verify/verify-backup.js';
import { Secret } from '../../src/io/secret.js';
import { buildBinaryPlist, parsePlist } from '../../src/plist/codec.js';
import { type PlistDict, plistDict } from '../../src/plist/value.js';
import { fileIdOf, makeBackup, type MadeBackup, type MadeFile } from '../support/made-backup.js';

const top = mkdtempSync(join(tmpdir(), 'ibk-damage-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

const PASSWORD = 'correct horse';
const home = (relativePath: string, rest: Partial<MadeFile>): MadeFile => ({
  domain: 'HomeDomain',
  relativePath,
  ...rest,
});
const FILES: readonly MadeFile[] = [
  home('', { kind: 'directory', mode: 0o755 }),
  home('Library/note.txt', { content: Buffer.from('a note that is longer than one block'), digest: true }),
  home('Library/block', { content: Buffer.alloc(32, 'b'), digest: true }),
  home('Library/empty', { content: Buffer.alloc(0), digest: true }),
  home('Library/link', { kind: 'symlink', target: '/x' }),
  home('Library/SMS/sms.db', { content: Buffer.alloc(100, 'd'), size: 4096 }),
  home('Library/log.txt', { content: Buffer.alloc(90, 'l'), size: 60 }),
  { domain: 'CameraRollDomain', relativePath: 'Media/a.jpg', content: Buffer.alloc(5000, 'j') },
];
const NOTE = fileIdOf('HomeDomain', 'Library/note.txt');
const PHOTO = fileIdOf('CameraRollDomain', 'Media/a.jpg');

const FORMS: readonly [name: string, backup: MadeBackup][] = [
  ['iOS 17, plain', { era: 'db', files: FILES }],
  ['iOS 17, encrypted', { era: 'db', password: PASSWORD, files: FILES }],
  ['iOS 9, plain', { era: 'mbdb', files: FILES }],
  ['iOS 9, encrypted', { era: 'mbdb', password: PASSWORD, files: FILES }],
  ['iOS 10.0, encrypted', { era: 'db-10.0', password: PASSWORD, files: FILES }],
];

function verify(folder: string, options: VerifyBackupOptions = {}): Promise<VerifiedBackup> {
  return verifyBackup(folderSource(folder), { readData: true, password: async () => Secret.of(PASSWORD), ...options });
}

describe.each(FORMS)('%s', (name, backup) => {
  const good = join(top, name);
  mkdirSync(good);
  makeBackup(good, backup);
  const isFlat = backup.era === 'mbdb';
  const isEncrypted = backup.password !== undefined;
  const manifest = isFlat ? 'Manifest.mbdb' : 'Manifest.db';
  const payload = (id: string) => (isFlat ? id : `${id.slice(0, 2)}/${id}`);
  let copies = 0;

  function copy(): string {
    const folder = join(top, `${name} ${copies++}`);
    cpSync(good, folder, { recursive: true });
    return folder;
  }

  async function found(damage: (folder: string) => void, options?: VerifyBackupOptions): Promise<string[]> {
    const folder = copy();
    damage(folder);
    const { faults } = await verify(folder, options);
    return faults.map(({ kind, path, relativePath }) => `${kind} ${relativePath ?? path}`);
  }

  const flip =
    (path: string, at = 3) =>
    (folder: string) => {
      const bytes = readFileSync(join(folder, path));
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      writeFileSync(join(folder, path), bytes);
    };

  test('nothing is wrong with a good one', async () => {
    const result = await verify(good);
    expect(result).toMatchObject({
      faults: [],
      warnings: [],
      manifest: 'checked',
      unlocked: isEncrypted,
      encrypted: isEncrypted,
    });
    expect(result).toMatchObject({ files: 6, present: 6, notSent: 0, compared: 3, withoutChecksum: 3 });
    expect((await verify(good, { readData: false })).faults).toEqual([]);
  });
  test('a byte that changed, in a file that carries a digest', async () => {
    expect(await found(flip(payload(NOTE)))).toEqual(['digest Library/note.txt']);
    expect(await found(flip(payload(NOTE)), { readData: false })).toEqual([]);
  });
  test('a file that is missing, short, or not a whole number of blocks', async () => {
    expect(await found((folder) => rmSync(join(folder, payload(NOTE))))).toEqual(['missing Library/note.txt']);
    expect(await found((folder) => truncateSync(join(folder, payload(PHOTO)), 1600), { readData: false })).toEqual([
      'size Media/a.jpg',
    ]);
    const cut = await found((folder) =>
      truncateSync(join(folder, payload(fileIdOf('HomeDomain', 'Library/SMS/sms.db'))), 90),
    );
    expect(cut).toEqual(isEncrypted ? ['size Library/SMS/sms.db'] : []);
  });
  test.runIf(isEncrypted)('an end that is none of an encrypted file', async () => {
    const tail = (folder: string) => {
      const bytes = readFileSync(join(folder, payload(PHOTO)));
      bytes.fill(0, bytes.length - 16);
      writeFileSync(join(folder, payload(PHOTO)), bytes);
    };
    expect(await found(tail)).toEqual(['padding Media/a.jpg']);
  });
  test('a file that nothing names, and a Snapshot: warnings', async () => {
    const folder = copy();
    const stray = payload('ab'.repeat(20));
    mkdirSync(join(folder, 'ab'), { recursive: true });
    writeFileSync(join(folder, stray), 'x');
    mkdirSync(join(folder, 'Snapshot/cd'), { recursive: true });
    expect((await verify(folder)).warnings).toEqual([{ kind: 'extra', path: stray }]);
    writeFileSync(join(folder, 'Snapshot/cd/y'), 'y');
    const { warnings, faults } = await verify(folder);
    expect(warnings).toContainEqual({ kind: 'snapshot', path: 'Snapshot' });
    expect(faults).toEqual([]);
  });
  test.each(['Info.plist', 'Manifest.plist', 'Status.plist', manifest])(
    '%s: missing, empty, garbage, cut',
    async (part) => {
      const told = [`unreadable ${part}`];
      const without = { password: undefined };
      expect(await found((folder) => rmSync(join(folder, part)), without)).toEqual(expect.arrayContaining(told));
      expect(await found((folder) => writeFileSync(join(folder, part), ''), without)).toEqual(
        expect.arrayContaining(told),
      );
      expect(await found((folder) => writeFileSync(join(folder, part), 'garbage'), without)).toEqual(
        expect.arrayContaining(told),
      );
      const size = readFileSync(join(good, part)).length;
      expect(await found((folder) => truncateSync(join(folder, part), size - 21))).toEqual(
        expect.arrayContaining(told),
      );
    },
  );
  test('an unfinished state, and parts of two devices', async () => {
    const edit = (folder: string, part: string, key: string, value: string) => {
      const dict = parsePlist(readFileSync(join(folder, part)), part) as PlistDict;
      writeFileSync(join(folder, part), buildBinaryPlist(plistDict({ ...dict, [key]: value })));
    };
    expect(await found((folder) => edit(folder, 'Status.plist', 'SnapshotState', 'moving'))).toEqual([
      'unfinished Status.plist',
    ]);
    const folder = copy();
    edit(folder, 'Info.plist', 'Target Identifier', 'f'.repeat(40));
    expect(await verify(folder)).toMatchObject({ faults: [], warnings: [{ kind: 'udid' }] });
  });
  test.runIf(manifest === 'Manifest.db' && !isEncrypted)(
    'a page of the database that was overwritten; a row that is another file',
    async () => {
      const wipe = (folder: string) => {
        const bytes = readFileSync(join(folder, manifest));
        bytes.fill(0xff, 4096, 4400);
        writeFileSync(join(folder, manifest), bytes);
      };
      expect(await found(wipe)).toContain('unreadable Manifest.db');
      const rename = (folder: string) =>
        execFileSync('sqlite3', [
          join(folder, manifest),
          `UPDATE Files SET relativePath = 'Media/b.jpg' WHERE fileID = '${PHOTO}'`,
        ]);
      expect(await found(rename)).toEqual(['record Media/b.jpg']);
      const garbage = (folder: string) =>
        execFileSync('sqlite3', [join(folder, manifest), `UPDATE Files SET file = x'00' WHERE fileID = '${PHOTO}'`]);
      expect(await found(garbage)).toEqual(['record Media/a.jpg']);
    },
  );
  test.runIf(isEncrypted)(
    'without the password: what needs it is not checked; with a wrong one: an error',
    async () => {
      const isOpen = name !== 'iOS 17, encrypted';
      const result = await verify(good, { password: async () => undefined });
      expect(result).toMatchObject({ faults: [], unlocked: false, manifest: isOpen ? 'checked' : 'encrypted' });
      await expect(verify(good, { password: async () => Secret.of('wrong') })).rejects.toMatchObject({
        code: 'password',
        exit: 12,
      });
    },
  );
  test('only a part is read: a part finds its own damage alone', async () => {
    const only = (path: string) => !path.includes(NOTE);
    expect(await found(flip(payload(NOTE)), { only })).toEqual([]);
  });
  test('verifying changes nothing', async () => {
    const folder = copy();
    const before = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
    await verify(folder);
    expect(readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()).toEqual(before);
    expect(execFileSync('diff', ['-r', good, folder]).toString()).toBe('');
  });
});
