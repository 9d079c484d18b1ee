/** `ibk import` of archives: those of other programs and our own come in whole; hostile ones leave nothing behind, anywhere. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import { withImportFolder } from '../../src/operations/import.js';
import { makeBackup } from '../support/made-backup.js';
import { runIbk, tempHome } from '../support/run-ibk.js';
import { describeWithTools } from '../support/tools.js';
import { filesHash } from '../support/tree-hash.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));
const UDID = '0'.repeat(40);
const at = (...names: string[]) => join(home, ...names);
const root = at('root');

describeWithTools('archives', ['tar', 'zip', 'python3', 'sqlite3'], () => {
  beforeAll(async () => {
    mkdirSync(at('made', UDID), { recursive: true });
    const large = Buffer.alloc(3_000_000, 'a large file ');
    const files = Array.from({ length: 6 }, (_, i) => ({
      domain: 'HomeDomain',
      relativePath: `file-${i}`,
      content: Buffer.alloc(i * 999, `${i}`),
    }));
    makeBackup(at('made', UDID), {
      era: 'db',
      files: [...files, { domain: 'HomeDomain', relativePath: 'large', content: large }],
    });
    // What people's computers leave in folders, and a run that was interrupted.
    writeFileSync(at('made', UDID, '.DS_Store'), 'litter');
    mkdirSync(at('made', UDID, 'Snapshot'));
    writeFileSync(at('made', UDID, 'Snapshot', 'Status.plist'), 'unfinished');
    const run = (program: string, ...args: string[]) => execa(program, args, { cwd: at('made') });
    await run('tar', 'cf', at('gnu.tar'), UDID);
    await run('tar', '--format=gnu', '-czf', at('gnu.tar.gz'), '-C', at('made', UDID), '.');
    await run('tar', '--format=v7', '-cf', at('old.tar'), UDID);
    await run('zip', '-qr', at('info.zip'), UDID);
    await run('python3', '-m', 'zipfile', '-c', at('python.zip'), UDID);
    await run('python3', new URL('../support/hostile_archives.py', import.meta.url).pathname, mkdir('hostile'));
    rmSync(at('made', UDID, '.DS_Store'));
    rmSync(at('made', UDID, 'Snapshot'), { recursive: true });
  });

  test.each(['gnu.tar', 'gnu.tar.gz', 'info.zip', 'python.zip'])('%s comes in whole, and out again', async (name) => {
    const into = at(`into-${name}`);
    const ibk = (...args: string[]) => runIbk(home, [...args, '-o', into]);
    const { stderr, exit } = await ibk('import', at(name));
    expect(exit, stderr).toBe(0);
    expect(stderr).toContain("Imported Anna's iPhone");
    expect(filesHash(join(into, UDID))).toBe(filesHash(at('made', UDID)));
    expect(readdirSync(join(into, '.ibk')).sort()).toEqual([UDID, 'reserve']);
    expect((await ibk('verify', '--read-data', '-q')).exit).toBe(0);
    if (name === 'python.zip') return;
    const kind = name.slice(name.indexOf('.'));
    const copy = at(`copied-${name}${kind}`);
    expect((await ibk('copy', 'latest', '--to', copy, '-q')).exit).toBe(0);
    const again = at(`again-${name}`);
    expect((await runIbk(home, ['import', copy, '-q', '-o', again])).exit).toBe(0);
    expect(filesHash(join(again, UDID))).toBe(filesHash(at('made', UDID)));
  });

  test('hostile archives are refused as what they are, and leave nothing', async () => {
    const names = readdirSync(at('hostile'));
    expect(names.length).toBeGreaterThan(30);
    for (const name of names) {
      const done = withImportFolder({ path: at('hostile', name), root }, async (folder) => readdirSync(folder));
      // It unpacks; that it does not say which device it is of is seen later.
      const refused = name === 'unsafe-nameless.tar.gz' ? undefined : await done.catch((error: unknown) => error);
      if (refused === undefined) expect(await done).toEqual(['Status.plist']);
      else expect(refused instanceof IbkError ? refused.code : refused, name).toBe(name.split('-')[0]);
    }
    expect(existsSync(root)).toBe(false);
    for (const place of [home, '/tmp', at('hostile')])
      expect(readdirSync(place).filter((name) => /escaped/.test(name))).toEqual([]);
  });

  test('a word of what is no archive, of a damaged one, and of a backup that is not whole', async () => {
    writeFileSync(at('letter.txt'), 'Dear Anna');
    writeFileSync(at('packed.gz'), (await execa('gzip', ['-c', at('letter.txt')], { encoding: 'buffer' })).stdout);
    mkdirSync(root);
    for (const [name, exit, words] of [
      ['letter.txt', 10, 'neither a folder nor an archive'],
      ['packed.gz', 13, 'it is too short'],
      ['old.tar', 10, 'neither a folder nor an archive'],
      ['hostile/unsafe-parent.zip', 16, 'Refused: a name in the archive leads out of it'],
      ['hostile/unsafe-nameless.tar.gz', 16, 'does not say which device it is of'],
      ['gone.zip', 10, 'holds no backup'],
    ] as const) {
      const ran = await runIbk(home, ['import', at(name), '-o', root]);
      expect({ name, exit: ran.exit, stderr: ran.stderr }).toMatchObject({ name, exit });
      expect(ran.stderr).toContain(words);
    }
    expect(readdirSync(root)).toEqual([]);
  });

  test('what a killed run has unpacked is told, and goes with prune and with the next run', async () => {
    const into = at('into-gnu.tar');
    const ibk = (...args: string[]) => runIbk(home, [...args, '-o', into]);
    const alive = leave(into, 'fedcba9876543210', {
      pid: process.pid,
      boot: firstLine('/proc/sys/kernel/random/boot_id'),
    });
    const left = leave(into, '0123456789abcdef', { pid: 1, boot: 'another' });
    expect((await ibk('doctor')).stdout).toContain(
      'that an interrupted import had unpacked; the next backup or import removes them',
    );
    expect((await ibk('prune', '-n')).stdout).toContain('Would remove 1 leftover of interrupted runs');
    expect((await ibk('prune')).stderr).toContain('Removed 1 leftover of interrupted runs');
    expect([left, alive].map(existsSync)).toEqual([false, true]);
    leave(into, '0123456789abcdef', { pid: 1, boot: 'another' });
    // A power cut came between the folder and what says whose it is.
    const torn = leave(into, '00112233445566aa');
    utimesSync(torn, 1_700_000_000, 1_700_000_000);
    expect((await ibk('tag', 'latest', '--note', 'a run that writes')).exit).toBe(0);
    expect([left, torn, alive].map(existsSync)).toEqual([false, false, true]);
    leave(into, '0123456789abcdef', { pid: 1, boot: 'another' });
    expect((await ibk('import', at('gnu.tar'), '-q')).exit).toBe(2);
    expect([left, alive].map(existsSync)).toEqual([false, true]);
  });
});

function mkdir(name: string): string {
  mkdirSync(at(name), { recursive: true });
  return at(name);
}

const firstLine = (path: string) => readFileSync(path, 'utf8').split('\n')[0] ?? '';

/** An archive that was being unpacked, by a process of this computer. */
function leave(root: string, nonce: string, by?: { readonly pid: number; readonly boot: string }): string {
  const folder = join(root, '.ibk', 'unpacked', nonce);
  mkdirSync(join(folder, 'archive'), { recursive: true });
  const stat = by === undefined ? '' : firstLine(`/proc/${by.pid}/stat`);
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const holder = { ...by, started, machine: firstLine('/etc/machine-id'), nonce, host: 'h', command: 'ibk import' };
  writeFileSync(join(folder, 'holder.json'), by === undefined ? '' : JSON.stringify(holder));
  writeFileSync(join(folder, 'archive', 'Manifest.db'), 'half');
  return folder;
}
