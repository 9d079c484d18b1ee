/**
 * `npm run bench`, its reading part: `ibk extract` beside `cp -r` of the same files into the same layout, in turn in one run, out of a plain and an encrypted
 * backup of a simulated iPhone. The first round warms the cache and is not counted.
 *
 *   --rounds N   measurements of each (default 3; the median is shown)
 *   --dir DIR    where everything goes (default: the temp folder)
 *   --files N    default 50,000      --bytes SIZE   default 2GiB
 *   --quick      a tenth of both
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { measure, median } from './measure.js';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    dir: { type: 'string', default: tmpdir() },
    files: { type: 'string', default: '50000' },
    bytes: { type: 'string', default: String(2 * 1024 ** 3) },
    quick: { type: 'boolean', default: false },
  },
});
const IBK = new URL('../../bin/ibk.js', import.meta.url).pathname;
const scale = flags.quick ? 10 : 1;
const files = Math.round(Number(flags.files) / scale);
const bytes = Math.round(Number(flags.bytes) / scale);

function startPhone(socket, secret) {
  const encrypted = secret === undefined ? [] : ['--encrypted-password-file', secret];
  const content = ['--ios', '15', '--files', String(files), '--bytes', String(bytes), '--scenario', 'even-sizes'];
  const args = [IBK, 'sim', '--listen', `UNIX:${socket}`, ...content, ...encrypted];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`ibk sim ended with ${code}`)));
    createInterface({ input: child.stdout }).once('line', () => resolve(child));
  });
}

async function backedUp(folder, secret) {
  const socket = join(folder, 'phone.sock');
  const root = join(folder, 'root');
  const env = { ...process.env, USBMUXD_SOCKET_ADDRESS: `UNIX:${socket}`, IBK_OUT: root };
  const phone = await startPhone(socket, secret);
  try {
    for (const command of ['pair', 'backup'])
      if (spawnSync(process.execPath, [IBK, command, '-q'], { env, stdio: 'inherit' }).status !== 0)
        throw new Error(`ibk ${command} failed`);
  } finally {
    phone.removeAllListeners('exit');
    phone.kill('SIGTERM');
  }
  return { ...env, ...(secret === undefined ? {} : { IBK_PASSWORD_FILE: secret }) };
}

async function runCase(title, secret) {
  const folder = mkdtempSync(join(flags.dir, 'ibk-bench-reading-'));
  try {
    const key = secret === undefined ? undefined : join(folder, 'password');
    if (key !== undefined) writeFileSync(key, secret, { mode: 0o600 });
    const env = await backedUp(folder, key);
    const model = join(folder, 'model');
    const extract = (to) => [process.execPath, IBK, 'extract', '-q', '--names', 'raw', '--to', to];
    await measure(extract(model), env);
    const programs = new Map([
      ['cp -r', (to) => ['cp', '-r', model, to]],
      ['ibk extract', extract],
    ]);
    const results = new Map([...programs.keys()].map((name) => [name, []]));
    for (let round = 0; round <= Number(flags.rounds); round++) {
      for (const [name, run] of programs) {
        const to = join(folder, 'to');
        const figures = await measure(run(to), env);
        if (round > 0) results.get(name).push(figures);
        rmSync(to, { recursive: true, force: true });
      }
    }
    report(title, results);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(title, results) {
  const reference = median(results.get('cp -r').map(({ wallSeconds }) => wallSeconds));
  process.stdout.write(`\n${title}, ${files} files, ${(bytes / 1e9).toFixed(2)} GB\n`);
  process.stdout.write('                  wall    ratio      CPU   peak memory\n');
  for (const [name, rounds] of results) {
    const of = (key) => median(rounds.map((figures) => figures[key]));
    const wall = of('wallSeconds');
    const cells = [
      name.padEnd(15),
      `${wall.toFixed(2)} s`.padStart(8),
      `${(wall / reference).toFixed(2)}x`.padStart(8),
      `${of('cpuSeconds').toFixed(2)} s`.padStart(9),
      `${(of('peakBytes') / 1e6).toFixed(0)} MB`.padStart(13),
    ];
    process.stdout.write(`${cells.join(' ')}\n`);
  }
}

await runCase('plain backup', undefined);
await runCase('encrypted backup (with its key derivation)', 'correct horse');
