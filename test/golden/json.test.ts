/** What `--json` writes, against the shipped schemas; none may be left untried. */
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { plugIn } from '../support/phone.js';
import { runIbk, tempHome } from '../support/run-ibk.js';
import { expectValidLines, SCHEMA_TYPES } from '../support/schemas.js';
import { startSimProcess } from '../support/sim-process.js';
import { watchDevices } from '../support/watch.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));

test('every document and line fits its schema, and every schema is used', async () => {
  const seen = new Set<string>();
  const types = (text: string): string[] => {
    const lines = expectValidLines(text).map(({ type }) => String(type));
    for (const type of lines) seen.add(type);
    return lines;
  };
  {
    await using sim = await startSimProcess(home, ['--files', '3', '--bytes', '3k']);
    types(sim.readyLine);
  }
  {
    await using phone = await plugIn(home);
    const { ibk } = phone;
    const json = async (...args: string[]) => {
      const ran = await ibk([...args, '--json']);
      expect(ran.stderr).toBe('');
      return { types: types(ran.stdout), exit: ran.exit };
    };
    expect(await json('devices')).toEqual({ types: ['devices'], exit: 0 });
    expect(await json('backup', '-n')).toEqual({ types: ['error'], exit: 22 });
    expect(await json('doctor')).toEqual({ types: ['doctor'], exit: 22 });
    expect(await json('pair', '-n')).toEqual({ types: ['dry_run'], exit: 0 });
    expect(await json('pair')).toEqual({ types: ['pair'], exit: 0 });
    expect(await json('backup', '-n')).toEqual({ types: ['backup_plan'], exit: 0 });
    const full = await json('backup');
    expect(full.types.slice(0, 2)).toEqual(['phase', 'start']);
    expect(full.types.slice(-2)).toEqual(['warning', 'summary']);
    expect(full.types).toContain('prompt');
    expect(await json('backup', '--if-older-than', '1h')).toEqual({ types: ['skipped', 'summary'], exit: 0 });
    expect(await json('info')).toEqual({ types: ['device'], exit: 0 });
    expect(await json('list')).toEqual({ types: ['list'], exit: 0 });
    expect((await json('list', 'latest')).types.slice(-2)).toEqual(['file', 'summary']);
    expect((await json('list', 'latest', '--domains')).types.slice(-2)).toEqual(['domain', 'summary']);
    expect((await json('list', 'latest', '--apps')).types.slice(-2)).toEqual(['app', 'summary']);
    expect(await json('info', 'latest', '--missing')).toEqual({ types: ['info'], exit: 0 });
    expect((await json('find', '**')).types.slice(-2)).toEqual(['match', 'summary']);
    expect(await json('diff', 'latest', 'latest')).toEqual({ types: ['diff'], exit: 0 });
    expect(await json('find', 'nothing')).toEqual({ types: ['error'], exit: 10 });
    expect(await json('verify', '--read-data')).toEqual({ types: ['verify'], exit: 0 });
    expect(await json('encrypt', 'check')).toEqual({ types: ['password_check'], exit: 0 });
    expect(await json('encrypt', 'status')).toEqual({ types: ['encryption'], exit: 0 });
    expect(await json('wifi', 'status')).toEqual({ types: ['wifi'], exit: 0 });
    expect(await json('cloud', 'on', '--yes')).toEqual({ types: ['cloud'], exit: 0 });
    expect(await json('info', 'latest', '--device-side')).toEqual({ types: ['phone_side'], exit: 0 });
    expect(await json('restore', '-n')).toEqual({ types: ['plan'], exit: 0 });
    expect(await json('extract', '-n')).toEqual({ types: ['extract_plan'], exit: 0 });
    const twins = ['--domain', 'HomeDomain', '--layout', 'flat', '--to', join(home, 'flat')];
    expect((await json('extract', ...twins)).types).toContain('start');
    expect(await json('tag', 'latest', '--add', 'golden')).toEqual({ types: ['tag'], exit: 0 });
    expect(await json('forget', '--keep-last', '1')).toEqual({ types: ['forget'], exit: 0 });
    expect(await json('prune')).toEqual({ types: ['prune'], exit: 0 });
    expect(await json('stats')).toEqual({ types: ['stats'], exit: 0 });
    expect(await json('unlock')).toEqual({ types: ['unlock'], exit: 0 });
    expect(await json('repair')).toEqual({ types: ['repair'], exit: 0 });
    expect(await json('verify', 'nothing')).toEqual({ types: ['error'], exit: 10 });
    expect(await json('doctor')).toEqual({ types: ['doctor'], exit: 0 });
    expect(await json('unpair')).toEqual({ types: ['error'], exit: 2 });
    expect(await json('unpair', '--yes')).toEqual({ types: ['unpair'], exit: 0 });
    expect(await json('pair')).toEqual({ types: ['pair'], exit: 0 });
    expect(await json('pair', '--export', join(home, 'record'))).toEqual({ types: ['pair_export'], exit: 0 });
    expect(await json('erase', '-u', 'Sim iPhone', '--yes')).toEqual({ types: ['erase'], exit: 0 });
    const bundle = join(home, 'bundle.json');
    expect((await ibk(['doctor', '--bundle', bundle])).exit).toBe(0);
    types(readFileSync(bundle, 'utf8'));
    expect(statSync(bundle).mode & 0o777).toBe(0o600);
  }
  {
    await using phone = await plugIn(home, { scenarios: ['file-error=data:2'], ios: ['15', '17'] });
    const several = await phone.ibk(['backup', '-u', 'all', '--json']);
    expect(types(several.stdout)).toContain('file_error');
    expect(several.exit).toBe(3);
    const lines = expectValidLines(several.stdout);
    expect(lines.at(-1)).toMatchObject({ type: 'summary', udid: null, code: 'partial', exit: 3 });
    types(await watchDevices(home, phone.sim));
  }
  // `renamed` is written in extract.test.ts: no name of the simulated phone needs another.
  seen.add('renamed');
  expect([...SCHEMA_TYPES].filter((type) => !seen.has(type))).toEqual([]);
});

test('--progress json writes the lines to stderr, and nothing else there', async () => {
  await using phone = await plugIn(home);
  const { stdout, stderr, exit } = await phone.ibk(['backup', '--progress', 'json']);
  expect({ stdout, exit }).toEqual({ stdout: '', exit: 0 });
  expect(expectValidLines(stderr).at(-1)).toMatchObject({ type: 'summary', exit: 0 });
});

test('an error before any device is one line; the schemas are in the package', async () => {
  const { stdout, stderr, exit } = await runIbk(home, ['backup', '--json']);
  expect({ stderr, exit }).toEqual({ stderr: '', exit: 29 });
  expect(expectValidLines(stdout)).toMatchObject([{ type: 'error', code: 'usbmuxd', udid: null, retryable: true }]);
  const { exports } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(exports['./schemas/*']).toBe('./dist/schemas/*');
});
