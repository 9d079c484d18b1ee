/** The tarball that `npm pack` makes, unpacked beside its dependencies, is what users install: it must run and export what the README says. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const PROJECT = new URL('../..', import.meta.url).pathname;
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ibk-pack-'));
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: PROJECT });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, 'ibk'), { recursive: true });
  execFileSync('tar', ['-xzf', join(folder, tarball), '-C', join(modules, 'ibk'), '--strip-components=1']);
  const installed = join(PROJECT, 'node_modules');
  for (const name of readdirSync(installed))
    if (!name.startsWith('.')) symlinkSync(join(installed, name), join(modules, name));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]) => execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });

test('holds the program, its docs and its licence, and no tests', () => {
  const names = readdirSync(join(folder, 'node_modules', 'ibk'));
  expect(names.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'dist', 'docs', 'package.json']);
});

test('runs', () => {
  const ibk = join('node_modules', 'ibk', 'bin', 'ibk.js');
  expect(run(ibk, '--version').trim()).toMatch(/^(ibk )?1\.0\.0$/);
  // That was answered without the program; this is not.
  expect(run(ibk, '--version', '--color', 'never').trim()).toBe('ibk 1.0.0');
  expect(run(ibk, 'backup', '--help')).toContain('ibk backup');
});

test('exports the library, the simulator and the schemas', () => {
  const script = `
    import { IbkError, ERROR_CATALOG } from 'ibk';
    import * as sim from 'ibk/sim';
    import schema from 'ibk/schemas/error.json' with { type: 'json' };
    console.log(JSON.stringify([new IbkError('usage', 'x').exit, ERROR_CATALOG.bug.exit, Object.keys(sim).length > 0, typeof schema]));`;
  expect(JSON.parse(run('--no-warnings', '--input-type=module', '-e', script))).toEqual([2, 70, true, 'object']);
});
