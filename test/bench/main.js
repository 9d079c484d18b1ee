/**
 * `npm run bench`: ibk beside Debian's idevicebackup2, in turn in one run, against a simulated iPhone (iOS 15) in a process of its own, with a
 * client that throws away what it receives as the limit of what the simulator can deliver.
 *
 *   --rounds N   measurements of each (default 3; the median is shown)
 *   --dir DIR    where the backups go (default: the temp folder)
 *   --only NAME  one case: large, small
 *   --quick      a tenth of the size
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { measure, median, usageOf } from './measure.js';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    dir: { type: 'string', default: tmpdir() },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const IBK = new URL('../../bin/ibk.js', import.meta.url).pathname;
const DISCARD = new URL('./discard.js', import.meta.url).pathname;
const scale = flags.quick ? 10 : 1;
const MiB = 1024 * 1024;

const CASES = [
  { name: 'large', title: 'one 2 GiB file', files: 1, bytes: Math.floor((2048 * MiB) / scale) },
  {
    name: 'small',
    title: '50,000 files of 1-64 KiB',
    files: 50_000 / scale,
    bytes: Math.floor((50_000 / scale) * 32.5 * 1024),
  },
].filter(({ name }) => flags.only === undefined || flags.only === name);

function startPhone(socket, { files, bytes }) {
  const args = [
    IBK,
    'sim',
    '--listen',
    `UNIX:${socket}`,
    '--ios',
    '15',
    '--files',
    String(files),
    '--bytes',
    String(bytes),
    '--seed',
    '1',
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`ibk sim ended with ${code}`)));
    createInterface({ input: child.stdout }).once('line', () => resolve(child));
  });
}

const gigabytes = (bytes) => (bytes / 1e9).toFixed(2);

async function runCase(theCase, folder) {
  const socket = join(folder, 'phone.sock');
  const env = { ...process.env, USBMUXD_SOCKET_ADDRESS: `UNIX:${socket}` };
  const phone = await startPhone(socket, theCase);
  const programs = [
    { name: 'idevicebackup2', run: (root) => ['idevicebackup2', ['backup', '--full', root]] },
    { name: 'ibk', run: (root) => [process.execPath, [IBK, 'backup', '--full', '-q', '-o', root]] },
    { name: 'discard', run: () => [process.execPath, [DISCARD]] },
  ];
  try {
    if (spawnSync(process.execPath, [IBK, 'pair', '-q'], { env, stdio: 'inherit' }).status !== 0)
      throw new Error('pairing failed');
    const results = new Map(programs.map(({ name }) => [name, []]));
    for (let round = 0; round < Number(flags.rounds); round++) {
      // In turn, beginning with another one each round: a machine that slows down slows all of them.
      for (let i = 0; i < programs.length; i++) {
        const { name, run } = programs[(i + round) % programs.length];
        const root = join(folder, name);
        mkdirSync(root);
        const [command, args] = run(root);
        const before = usageOf(phone.pid).cpuSeconds;
        const figures = await measure(command, args, env);
        results.get(name).push({ ...figures, phoneCpuSeconds: usageOf(phone.pid).cpuSeconds - before });
        rmSync(root, { recursive: true, force: true });
      }
    }
    report(theCase, results);
  } finally {
    phone.removeAllListeners('exit');
    phone.kill('SIGTERM');
  }
}

function report({ title, bytes }, results) {
  const reference = median(results.get('idevicebackup2').map((figures) => figures.wallSeconds));
  process.stdout.write(`\n${title}, ${gigabytes(bytes)} GB\n`);
  process.stdout.write('                  wall    ratio      MB/s      CPU   peak memory   CPU of the simulator\n');
  for (const [name, rounds] of results) {
    const of = (key) => median(rounds.map((figures) => figures[key]));
    const wall = of('wallSeconds');
    const cells = [
      name.padEnd(15),
      `${wall.toFixed(2)} s`.padStart(8),
      `${(wall / reference).toFixed(2)}x`.padStart(8),
      (bytes / 1e6 / wall).toFixed(0).padStart(9),
      `${of('cpuSeconds').toFixed(2)} s`.padStart(9),
      `${(of('peakBytes') / 1e6).toFixed(0)} MB`.padStart(13),
      `${of('phoneCpuSeconds').toFixed(2)} s`.padStart(14),
    ];
    process.stdout.write(`${cells.join('')}\n`);
  }
}

if (spawnSync('sh', ['-c', 'command -v idevicebackup2']).status !== 0) {
  process.stderr.write('idevicebackup2 is missing: apt install libimobiledevice-utils\n');
  process.exit(1);
}
const folder = mkdtempSync(join(flags.dir, 'ibk-bench-'));
try {
  process.stdout.write(
    `${cpus().length} cores, Node ${process.version}, in ${flags.dir}, median of ${flags.rounds}; ratio: wall beside idevicebackup2\n`,
  );
  for (const theCase of CASES) await runCase(theCase, folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
