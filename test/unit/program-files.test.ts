/** The program in few files, as `npm run build` leaves it in dist/program/. */
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { expect, test } from 'vitest';

const project = new URL('../../', import.meta.url);
const files = readdirSync(new URL('dist/program/', project));
const manifest = JSON.parse(readFileSync(new URL('package.json', project), 'utf8'));
const packages = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });

const NAMED = /^(?:import|export)\b.*?\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm;

test('its files name each other, Node and the packages that ibk is installed with: none of these lies in them, and nothing else is needed', () => {
  const named = new Set<string>();
  for (const file of files) {
    const text = readFileSync(new URL(`dist/program/${file}`, project), 'utf8');
    expect(text, file).not.toMatch(/#region .*node_modules/);
    for (const [, from, plain, dynamic] of text.matchAll(NAMED)) named.add(from ?? plain ?? dynamic ?? '');
  }
  const ours = [...named].filter((name) => name.startsWith('./'));
  expect(ours.length).toBeGreaterThan(20);
  expect(ours.filter((name) => !files.includes(name.slice(2)))).toEqual([]);
  const others = [...named].filter((name) => !name.startsWith('./') && !isBuiltin(name));
  expect(others).toContain('commander');
  expect(others.filter((name) => !packages.some((each) => name === each || name.startsWith(`${each}/`)))).toEqual([]);
});
