/**
 * `npm run bench:reading`: what reads a backup, beside what the system has for the same work, in turn in one run. The first round warms the cache and is
 * not counted. The wall-clock ratio to the first line of a table has a limit; CPU tells more on a machine that has other work.
 *
 *   --rounds N   measurements of each (default 3; the median is shown)
 *   --dir DIR    where everything goes (default: the temp folder)
 *   --only NAME  one case: plain, encrypted, key, rows, start
 *   --files N    default 50,000      --bytes SIZE   default 2 GiB      --rows N   default 1,000,000
 *   --quick      a tenth of all
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measure, median } from './measure.js';
import { backedUp, IBK, manyRows, rootWithIcons } from './reading-fixtures.js';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    dir: { type: 'string', default: tmpdir() },
    only: { type: 'string' },
    files: { type: 'string', default: '50000' },
    bytes: { type: 'string', default: String(2 * 1024 ** 3) },
    rows: { type: 'string', default: '1000000' },
    quick: { type: 'boolean', default: false },
  },
});
const scale = flags.quick ? 10 : 1;
const [files, bytes, rows] = [flags.files, flags.bytes, flags.rows].map((text) => Math.round(Number(text) / scale));
const content = `${files} files, ${(bytes / 1e9).toFixed(2)} GB`;
const ibk = (...args) => [process.execPath, IBK, ...args];

const CASES = {
  plain: async (folder) => {
    const { env, path } = await backedUp(folder, { files, bytes });
    await extraction(folder, env, `extract, plain, ${content}`, 1.2);
    const sums = ['sh', '-c', 'find "$0" -type f -print0 | xargs -0 sha256sum > /dev/null; times', path];
    const programs = [
      ['sha256sum', sums],
      ['ibk verify', ibk('verify', '-q', '--read-data'), 1.2],
    ];
    report(`verify --read-data, ${content}`, await inTurn(programs, env));
  },
  encrypted: async (folder) => {
    const { env } = await backedUp(folder, { files, bytes, secret: secretIn(folder) });
    await extraction(folder, env, `extract, encrypted (with a quick key), ${content}`, 1.5);
  },
  key: async (folder) => {
    const secret = secretIn(folder);
    const { env, path } = await backedUp(folder, { files: 1, bytes: 1000, secret, scenarios: ['real-key-cost'] });
    const bag = readFileSync(join(path, 'Manifest.plist'));
    const numberAt = (tag) => bag.readUInt32BE(bag.indexOf(tag) + 8);
    const native = `const { pbkdf2Sync } = require('crypto'); const salt = Buffer.alloc(20);
      pbkdf2Sync(pbkdf2Sync('p', salt, ${numberAt('DPIC')}, 32, 'sha256'), salt, ${numberAt('ITER')}, 32, 'sha1')`;
    const programs = [
      ['PBKDF2', [process.execPath, '-e', native]],
      ['encrypt check', ibk('encrypt', 'check', '-q'), 1.1],
    ];
    report('key derivation', await inTurn(programs, env));
  },
  rows: async (folder) => {
    for (const [name, writeAhead] of [
      ['with a rollback journal: read where it lies', false],
      ['write-ahead: read where it lies too, where SQLite was compiled here; else a copy', true],
    ]) {
      const place = join(folder, String(writeAhead));
      mkdirSync(place);
      const { path, file } = manyRows(place, rows, writeAhead);
      const programs = [
        ['all of them', ibk('list', path, '--json')],
        [
          'first line',
          ['sh', '-c', '"$@" | head -n 1; times', 'sh', ...ibk('list', path, '--json')],
          undefined,
          'line',
        ],
        ['one by name', ibk('list', path, file, '--json')],
      ];
      report(`list BACKUP --json, ${rows} rows, ${name}`, await inTurn(programs, process.env));
      rmSync(place, { recursive: true });
    }
  },
  start: async (folder) => {
    const root = rootWithIcons(folder);
    const programs = [
      ['node -e 0', [process.execPath, '-e', '0']],
      ['ibk --version', ibk('--version'), 2],
      ['ibk list', ibk('list', '-o', root), 3],
    ];
    report(
      'start; list of 5 backups with 10 MB of icons each',
      await inTurn(programs, { ...process.env, HOME: folder }),
    );
  },
};

function secretIn(folder) {
  const path = join(folder, 'password');
  writeFileSync(path, 'correct horse', { mode: 0o600 });
  return path;
}

const TMPFS_MAGIC = 0x01021994;

/**
 * Each copy goes to a place of its own, and none is deleted before the end: ext4 does not give away an inode again at once, and whoever makes files after a
 * deletion spends up to half of its time on the look for others. Memory has no such trouble, but no room for all copies either.
 */
async function extraction(folder, env, title, limit) {
  const model = join(folder, 'model');
  const isMemory = statfsSync(folder).type === TMPFS_MAGIC;
  let copies = 0;
  const remove = (copy) => rmSync(join(folder, `copy-${copy}`), { recursive: true, force: true });
  const place = () => {
    if (isMemory) remove(copies - 1);
    return join(folder, `copy-${copies++}`);
  };
  const extract = (to) => ibk('extract', '-q', '--names', 'raw', '--to', to);
  await measure(extract(model), env);
  const programs = [
    ['cp -r', () => ['cp', '-r', model, place()]],
    ['ibk extract', () => extract(place()), limit],
  ];
  report(title, await inTurn(programs, env, () => readThrough(env.IBK_OUT, model)));
  for (let copy = 0; copy < copies; copy++) remove(copy);
}

/** So that it is in the system's cache, whatever has been read or written since. */
function readThrough(...folders) {
  spawnSync('sh', ['-c', 'find "$@" -type f -print0 | xargs -0 cat > /dev/null', 'sh', ...folders]);
}

async function inTurn(programs, env, before = () => {}) {
  // `line`: the time until the first line is there, not until the program that wrote it is gone.
  const results = programs.map(([name, , limit, until]) => ({ name, limit, until, rounds: [] }));
  for (let round = 0; round <= Number(flags.rounds); round++) {
    for (const [index, [, command]] of programs.entries()) {
      before();
      const figures = await measure(typeof command === 'function' ? command() : command, env);
      const cpuSeconds = childrenTimes(figures.lines) ?? figures.cpuSeconds;
      const wallSeconds = results[index].until === 'line' ? figures.lines[0].at - figures.begun : figures.wallSeconds;
      if (round > 0) results[index].rounds.push({ ...figures, wallSeconds, cpuSeconds });
    }
  }
  return results;
}

/** Of a shell that says it at its end (`times`): CPU seconds of what it has started. */
function childrenTimes(lines) {
  const [, user, system] = /^(\d+m[\d.]+)s (\d+m[\d.]+)s$/.exec(lines.at(-1)?.text ?? '') ?? [];
  if (user === undefined) return undefined;
  const [a, b] = [user, system].map((text) => text.split('m').reduce((sum, part) => sum * 60 + Number(part), 0));
  return a + b;
}

function report(title, results) {
  const of = ({ rounds }, key) => median(rounds.map((figures) => figures[key]));
  const [reference] = results;
  const ratio = (result, key) => `${(of(result, key) / of(reference, key)).toFixed(2)}x`;
  const lines = results.map((result) => [
    `${of(result, 'wallSeconds').toFixed(2)} s`,
    ratio(result, 'wallSeconds'),
    result.limit === undefined ? '' : `${result.limit.toFixed(2)}x`,
    `${of(result, 'cpuSeconds').toFixed(2)} s`,
    ratio(result, 'cpuSeconds'),
    `${(of(result, 'peakBytes') / 1e6).toFixed(0)} MB`,
  ]);
  const heading = ['wall', 'ratio', 'limit', 'CPU', 'ratio', 'peak memory'];
  const row = (name, cells) => `${name.padEnd(15)}${cells.map((cell) => cell.padStart(12)).join('')}\n`;
  process.stdout.write(`\n${title}\n${row('', heading)}`);
  for (const [index, { name }] of results.entries()) process.stdout.write(row(name, lines[index]));
}

for (const [name, run] of Object.entries(CASES)) {
  if (flags.only !== undefined && flags.only !== name) continue;
  const folder = mkdtempSync(join(flags.dir, 'ibk-bench-reading-'));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
