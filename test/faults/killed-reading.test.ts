/**
 * What was decrypted outlives no run, beyond what was asked for. The built ibk reads an encrypted backup: at each change that it makes to a disk, nothing
 * that `kill -9` would leave there holds decrypted bytes; ended by a signal, it leaves no half file.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeBackup, type MadeFile } from '../support/made-backup.js';
import { cleanEnvironment, IBK, tempHome } from '../support/run-ibk.js';
import { describeWithTools } from '../support/tools.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));

const PASSWORD = 'correct horse';
/** In every content, and in every name. */
const MARK = 'only-decrypted-4711';
const PRELOAD = new URL('../support/look-at-each.js', import.meta.url).href;
const backup = join(home, 'backup');

/** With a write-ahead log, as a camera roll comes: copied from under the program that has it open. */
function library(): readonly MadeFile[] {
  const path = join(home, 'live');
  const sql = `PRAGMA journal_mode=WAL; CREATE TABLE ZASSET(ZDIRECTORY, ZFILENAME, ZDATECREATED);
    INSERT INTO ZASSET VALUES ('DCIM/100APPLE', '${MARK}.JPG', 5000);`;
  execFileSync('sqlite3', [path], {
    input: `${sql}\n.shell cp '${path}' '${path}2'; cp '${path}-wal' '${path}2-wal'\n`,
  });
  return ['', '-wal'].map((suffix) => ({
    domain: 'CameraRollDomain',
    relativePath: `Media/PhotoData/Photos.sqlite${suffix}`,
    content: readFileSync(`${path}2${suffix}`),
  }));
}

interface Ended {
  readonly exit: number | undefined;
  readonly signal: string | undefined;
  /** Files that held decrypted bytes at some moment, and those that do now. */
  readonly seen: readonly string[];
  readonly left: readonly string[];
  readonly stderr: string;
}

let runs = 0;

/** In a folder of its own, which has a folder for temporary files and is the home, too. */
async function run(args: readonly string[], kill = ''): Promise<Ended> {
  const here = join(home, `run-${++runs}`);
  const temporary = join(here, 'tmp');
  mkdirSync(temporary, { recursive: true });
  const found = join(home, `found-${runs}`);
  const { exitCode, signal, stderr } = await execa(process.execPath, ['--import', PRELOAD, IBK, ...args], {
    env: {
      ...cleanEnvironment(here),
      TMPDIR: temporary,
      IBK_PASSWORD: PASSWORD,
      IBK_TEST_LOOK_IN: `${here}:${backup}`,
      IBK_TEST_MARK: MARK,
      IBK_TEST_FOUND: found,
      IBK_TEST_KILL: kill,
    },
    extendEnv: false,
    cwd: here,
    reject: false,
  });
  const inside = (path: string) => path.replace(`${here}/`, '');
  const seen = existsSync(found) ? readFileSync(found, 'utf8').split('\n').filter(Boolean).map(inside) : [];
  const left = readdirSync(here, { recursive: true, encoding: 'utf8' }).filter((name) => name !== 'tmp');
  return { exit: exitCode, signal, seen, left, stderr };
}

describeWithTools('decrypted bytes', ['sqlite3'], () => {
  beforeAll(() => {
    mkdirSync(backup);
    const content = Buffer.from(`${MARK} `.repeat(200));
    const files = Array.from({ length: 6 }, (_, number) => ({
      domain: 'HomeDomain',
      relativePath: `Library/${MARK}-${number}.txt`,
      content,
      digest: true,
    }));
    const photo = { domain: 'CameraRollDomain', relativePath: `Media/DCIM/100APPLE/${MARK}.JPG`, content };
    // Not written at once.
    const large = {
      ...photo,
      domain: 'HomeDomain',
      relativePath: 'Library/a-large.txt',
      content: Buffer.alloc(3_000_000, `${MARK} `),
    };
    makeBackup(backup, { era: 'db', password: PASSWORD, files: [large, ...files, photo, ...library()] });
  });

  const NOWHERE = /^$/;
  test.each([
    ['list', ['list', backup, '--json', '--sort', 'size'], NOWHERE],
    ['info', ['info', backup], NOWHERE],
    ['find', ['find', `*${MARK}*`, backup], NOWHERE],
    ['verify', ['verify', backup, '--read-data'], NOWHERE],
    ['extract to standard output', ['extract', backup, '--path', `*/${MARK}-0.txt`, '--to', '-'], NOWHERE],
    ['extract to a folder', ['extract', backup, '--type', 'photos', '--to', 'asked'], /^asked\//],
    ['extract to an archive', ['extract', backup, '--to', 'asked.tar'], /^[^/]*asked\.tar[^/]*$/],
    ['decrypt', ['decrypt', backup, '--to', 'asked'], /^asked(?:\.partial)?\//],
  ])('%s: at no moment anywhere else', async (_name, args, asked) => {
    const { exit, seen, stderr } = await run(args);
    expect(exit, stderr).toBe(0);
    expect(seen.filter((path) => !asked.test(path))).toEqual([]);
    expect(seen.length > 0).toBe(asked !== NOWHERE);
  });

  test.each([
    ['list', '6', ['list', backup, '--json', '--sort', 'size']],
    ['verify', '6', ['verify', backup, '--read-data']],
    ['extract to a folder', 'found', ['extract', backup, '--to', 'asked']],
    ['extract to an archive', 'found', ['extract', backup, '--to', 'asked.tar']],
    ['decrypt', 'found', ['decrypt', backup, '--to', 'asked']],
  ])('%s: ended by a signal, it leaves nothing half done', async (_name, at, args) => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const { exit, seen, left, stderr } = await run(args, `${signal}:${at}`);
      expect(exit, stderr).toBe(code);
      expect(seen.length > 0).toBe(at === 'found');
      expect(left.filter((name) => !name.endsWith('.txt') && name.includes('.'))).toEqual([]);
    }
  });

  test('extract, killed: a half file lies in the folder that was asked for alone, under a name that says so', async () => {
    const { signal, left } = await run(['extract', backup, '--to', 'asked'], 'SIGKILL:found');
    expect(signal).toBe('SIGKILL');
    const files = left.filter((name) => name.includes('.'));
    expect(files).toEqual([expect.stringMatching(/^asked\/[^.]*\/\.ibk-[0-9a-f]{12}\.part$/)]);
  });
});
