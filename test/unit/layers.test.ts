/** The architecture as a test: an import may only point down (docs/architecture.md). */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { expect, test } from 'vitest';

const SRC = new URL('../../src', import.meta.url).pathname;

/** Shared ground: imported by everybody, imports only itself. */
const GROUND = ['errors', 'events', 'version', 'figures', 'models', 'nearest', 'plist', 'io', 'trace'];

/** Layer -> what it may import besides itself and the ground. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(GROUND.map((name) => [name, []])),
  protocol: [],
  backup: [],
  output: [],
  operations: ['protocol', 'backup', 'output'],
  ui: ['operations'],
  config: [],
  sim: [],
  commands: ['operations', 'protocol', 'backup', 'output', 'ui', 'config', 'schemas', 'sim'],
  cli: ['commands', 'operations', 'protocol', 'ui', 'config'],
  index: ['operations', 'protocol', 'backup'],
};

/** The same inside of src/backup; what lies in none of these (the doors, store and lease, with their parts) may import them all. */
const BACKUP_MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  disk: [],
  format: ['disk'],
  records: ['disk', 'format'],
  lock: ['disk', 'records'],
  receive: ['disk', 'records'],
  versions: ['disk', 'format', 'records'],
  reader: ['disk', 'format', 'records', 'versions'],
  verify: ['disk', 'format', 'records', 'versions', 'reader'],
  repair: ['disk', 'format', 'records', 'versions', 'reader', 'verify'],
  commit: ['disk', 'records', 'receive', 'versions'],
};

/** Packages that one module stands for; nobody else names them. */
const FENCED: Readonly<Record<string, readonly string[]>> = {
  'node-forge': ['protocol/lockdown/pairing.ts', 'protocol/lockdown/supervision.ts'],
  'better-sqlite3': ['io/sqlite.ts'],
  '@napi-rs/keyring': ['io/keychain.ts'],
  'tar/parse': ['io/tar-entries.ts'],
  'tar/read-entry': ['io/tar-entries.ts'],
  yauzl: ['io/zip-entries.ts'],
  'smol-toml': ['config/'],
  commander: ['cli.ts', 'commands/'],
  chalk: ['ui/'],
  'string-width': ['ui/'],
  'cli-progress': ['ui/'],
};

interface Import {
  readonly from: string;
  readonly to: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
const imports: Import[] = files.flatMap((from) => {
  const text = readFileSync(join(SRC, from), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => ({ from, to: match[1] ?? '' }));
});

const layerOf = (path: string): string => path.split('/')[0]?.replace(/\.(ts|js)$/, '') ?? '';

test('an import points down', () => {
  const wrong: string[] = [];
  for (const { from, to } of imports.filter((edge) => edge.to.startsWith('.'))) {
    const source = layerOf(from);
    const target = layerOf(relative(SRC, posix.join(SRC, dirname(from), to)));
    const allowed = MAY_IMPORT[source];
    expect(allowed, `src/${source} is not a known layer`).toBeDefined();
    if (source !== target && !GROUND.includes(target) && !allowed?.includes(target))
      wrong.push(`${from} imports ${to}`);
    if (source === 'commands' && target === 'sim' && !from.startsWith('commands/sim'))
      wrong.push(`${from} loads the simulator`);
  }
  expect(wrong).toEqual([]);
});

test('an import inside of src/backup points down', () => {
  const folderOf = (path: string) => /^backup\/([^/]+)\//.exec(path)?.[1];
  const wrong: string[] = [];
  for (const { from, to } of imports.filter((edge) => edge.to.startsWith('.'))) {
    const source = folderOf(from);
    const path = relative(SRC, posix.join(SRC, dirname(from), to));
    if (source === undefined || layerOf(path) !== 'backup') continue;
    const target = folderOf(path) ?? 'a door';
    const allowed = BACKUP_MAY_IMPORT[source];
    expect(allowed, `src/backup/${source} is not a known folder`).toBeDefined();
    if (source !== target && !allowed?.includes(target)) wrong.push(`${from} imports ${to}`);
  }
  expect(wrong).toEqual([]);
});

test('a package is named by the module that stands for it', () => {
  const wrong = imports.filter(({ from, to }) => {
    const homes = FENCED[to];
    return homes !== undefined && !homes.some((home) => from === home || (home.endsWith('/') && from.startsWith(home)));
  });
  expect(wrong).toEqual([]);
});

test('only the command line touches the process and its streams', () => {
  const wrong = files.filter((name) => {
    if (/^(cli\.ts|commands\/|ui\/)/.test(name)) return false;
    return /\bprocess\.(env|argv|exit|exitCode|stdin|stdout|stderr|on|once|cwd)\b|\bconsole\./.test(
      readFileSync(join(SRC, name), 'utf8'),
    );
  });
  expect(wrong).toEqual([]);
});
