import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERROR_CATALOG } from '../../src/errors.js';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

test('the README lists the exit codes of the catalogue, all of them and no other', () => {
  const table = readme.slice(readme.indexOf('<!-- exit-codes'), readme.indexOf('<!-- /exit-codes'));
  const rows = [...table.matchAll(/^\| (\d+) \| (\w+) \| (.+) \|$/gm)].map(([, exit, slug, title]) => ({
    exit: Number(exit),
    slug,
    title,
  }));
  const catalogue = Object.entries(ERROR_CATALOG).map(([slug, { exit, title }]) => ({ exit, slug, title }));
  expect(rows).toEqual([{ exit: 0, slug: 'ok', title: 'done' }, ...catalogue]);
});

test('the README names only npm scripts that exist', () => {
  const scripts: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).scripts;
  const named = [...readme.matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThan(4);
  for (const name of named) expect(scripts).toHaveProperty([name]);
});
