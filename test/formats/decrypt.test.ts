/** A decrypted copy is an ordinary plain backup: to verify, to sqlite3 and plistutil, and to a reader that shares nothing with ours. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { folderSource } from '../../src/backup/reader/backup-source.js';
import { verifyBackup } from '../../src/backup/verify/verify-backup.js';
import { fileIdOf, makeBackup, type MadeBackup, type MadeFile } from '../support/made-backup.js';
import { runIbk } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';
import { describeWithTools } from '../support/tools.js';

const top = mkdtempSync(join(tmpdir(), 'ibk-decrypt-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

const home = (relativePath: string, rest: Partial<MadeFile>): MadeFile => ({
  domain: 'HomeDomain',
  relativePath,
  ...rest,
});
const FILES: readonly MadeFile[] = [
  home('', { kind: 'directory', mode: 0o755 }),
  home('Library/a.txt', { content: Buffer.from('hello backup'), digest: true, attributes: { x: Buffer.of(0, 255) } }),
  home('Library/empty', { content: Buffer.alloc(0), digest: true }),
  home('Library/big.db', { content: Buffer.alloc(3_000_001, 'big'), size: 5 }),
  home('Library/open', { content: Buffer.from('as it is'), unkeyed: true }),
  home('Library/link', { kind: 'symlink', target: '/x' }),
];
const PASSWORD = 'correct horse';
const FORMS: readonly [string, MadeBackup][] = [
  ['iOS 17', { era: 'db', password: PASSWORD, files: FILES }],
  ['iOS 10.0', { era: 'db-10.0', password: PASSWORD, files: FILES }],
  ['iOS 9', { era: 'mbdb', password: PASSWORD, files: FILES }],
];

describeWithTools('decrypt', ['sqlite3', 'plistutil'], () => {
  describe.each(FORMS)('%s', (name, backup) => {
    const from = join(top, name);
    const to = join(top, `${name} plain`);
    const env = { IBK_PASSWORD: PASSWORD };
    const isFlat = backup.era === 'mbdb';
    const payload = (path: string) => {
      const id = fileIdOf('HomeDomain', path);
      return isFlat ? id : `${id.slice(0, 2)}/${id}`;
    };

    test('the copy is whole, plain and private', async () => {
      mkdirSync(from);
      makeBackup(from, backup);
      const ran = await runIbk(top, ['decrypt', from, '--to', to], { env });
      expect(ran).toMatchObject({ exit: 0, stdout: '' });
      expect(ran.stderr).toContain("✓ Decrypted Anna's iPhone");
      for (const { relativePath, content, kind } of FILES)
        if (kind === undefined)
          expect(readFileSync(join(to, payload(relativePath))).equals(content ?? Buffer.alloc(0))).toBe(true);
      const result = await verifyBackup(folderSource(to), { readData: true });
      expect(result).toMatchObject({
        faults: [],
        warnings: [],
        encrypted: false,
        manifest: 'checked',
        files: 4,
        compared: 2,
      });
      const plist = execFileSync('plistutil', ['-i', join(to, 'Manifest.plist'), '-f', 'xml']).toString();
      expect(plist).toMatch(/<key>IsEncrypted<\/key>\s*<false\/>/);
      expect(plist).toContain('<key>BackupKeyBag</key>');
      expect(plist).not.toContain('ManifestKey');
      if (!isFlat) {
        const query = (sql: string) =>
          execFileSync('sqlite3', [join(to, 'Manifest.db'), sql])
            .toString()
            .trim();
        expect(query('PRAGMA integrity_check; PRAGMA journal_mode;')).toBe('ok\ndelete');
        expect(query("SELECT count(*) FROM Files WHERE instr(file, 'EncryptionKey')")).toBe('0');
        expect(query("SELECT count(*) FROM Properties WHERE key = 'salt'")).toBe('0');
        expect(query("SELECT count(*) FROM Files WHERE substr(file, 1, 8) = CAST('bplist00' AS BLOB)")).toBe(
          String(FILES.length),
        );
        expect(query('SELECT count(*) FROM Files')).toBe(String(FILES.length));
      }
      for (const part of ['Status.plist', 'Info.plist'])
        expect(readFileSync(join(to, part)).equals(readFileSync(join(from, part)))).toBe(true);
      expect(statSync(to).mode & 0o777).toBe(0o700);
      expect(statSync(join(to, payload('Library/a.txt'))).mode & 0o777).toBe(0o600);
      expect(existsSync(`${to}.partial`)).toBe(false);
    });
  });

  test('what cannot be decrypted is named and left out; what is there stays; leftovers of a stopped run go', async () => {
    const from = join(top, 'damaged');
    const to = join(top, 'copy');
    mkdirSync(from);
    const stored = Buffer.alloc(33, 1);
    makeBackup(from, {
      era: 'db',
      password: PASSWORD,
      files: [...FILES, home('cut', { content: Buffer.alloc(40), stored }), home('gone', { stored: null })],
    });
    const env = { IBK_PASSWORD: PASSWORD };
    const wrong = await runIbk(top, ['decrypt', from, '--to', to], { env: { IBK_PASSWORD: 'wrong' } });
    expect([wrong.exit, existsSync(`${to}.partial`)]).toEqual([12, false]);
    mkdirSync(`${to}.partial`);
    expect((await runIbk(top, ['decrypt', from, '--to', to], { env })).exit).toBe(14);
    writeFileSync(join(`${to}.partial`, '.ibk-partial'), '');
    const ran = await runIbk(top, ['decrypt', from, '--to', to, '--json'], { env });
    expect(ran.exit).toBe(3);
    const lines = expectValidLines(ran.stdout);
    expect(lines.map(({ type, path }) => [type, path])).toEqual([
      ['file_error', 'cut'],
      ['file_error', 'gone'],
      ['summary', to],
    ]);
    const { faults } = await verifyBackup(folderSource(to), { readData: true });
    expect(faults.map(({ kind, relativePath }) => [kind, relativePath]).sort()).toEqual([
      ['missing', 'cut'],
      ['missing', 'gone'],
    ]);
    expect((await runIbk(top, ['decrypt', from, '--to', to], { env })).exit).toBe(14);
    expect((await runIbk(top, ['decrypt', from, '--to', join(from, 'x')], { env })).exit).toBe(2);
    expect((await runIbk(top, ['decrypt', to, '--to', `${to} 2`], { env })).exit).toBe(2);
  });
});
