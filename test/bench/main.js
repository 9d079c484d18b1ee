/**
 * `npm run bench`: ibk beside Debian's idevicebackup2, in turn in one run, against a simulated iPhone (iOS 15) in a process of its own, with a
 * client that throws away what it receives as the limit of what the simulator can deliver.
 *
 *   --rounds N   measurements of each (default 3; the median is shown)
 *   --dir DIR    where the backups go (default: the temp folder)
 *   --only NAME  one case: large, small, changed, million; restore: the way back; versions: what keeping them costs, beside restic; reading: what reads
 *                backups (reading.js has more choices)
 *   --quick      a tenth of the size
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { casesOf } from './cases.js';
import { measure, usageOf } from './measure.js';
import { changeFiles, startPhone } from './phone.js';
import { PROGRAMS } from './programs.js';
import { stepTable } from './report.js';
import { runRestores } from './restoring.js';
import { runVersions } from './versions.js';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    dir: { type: 'string', default: tmpdir() },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});

async function runCase(theCase, folder) {
  const socket = join(folder, 'phone.sock');
  const env = { ...process.env, USBMUXD_SOCKET_ADDRESS: `UNIX:${socket}` };
  const phone = await startPhone(socket, theCase, env);
  const programs = PROGRAMS.filter(({ name }) => theCase.programs?.includes(name) ?? true);
  const measured = theCase.steps.map(() => new Map(programs.map(({ name }) => [name, []])));
  try {
    for (let round = 0; round < Number(flags.rounds); round++) {
      for (const [index, step] of theCase.steps.entries()) {
        if (step.change > 0) changeFiles(step.change, env);
        // In turn, beginning with another one each round: a machine that slows down slows all of them.
        for (let i = 0; i < programs.length; i++) {
          const program = programs[(i + round) % programs.length];
          const root = join(folder, program.name);
          mkdirSync(root, { recursive: true });
          measured[index].get(program.name).push(await runOnce(program, root, step, phone, env));
          if (index === theCase.steps.length - 1) rmSync(root, { recursive: true, force: true });
        }
      }
    }
  } finally {
    phone.removeAllListeners('exit');
    phone.kill('SIGTERM');
  }
  for (const [index, step] of theCase.steps.entries()) {
    const title = [theCase.title, `${(theCase.bytes / 1e9).toFixed(2)} GB`, step.title].filter(Boolean).join(', ');
    if (step.hidden !== true) process.stdout.write(stepTable(title, measured[index]));
  }
}

async function runOnce({ command, commitSeconds }, root, { full }, phone, env) {
  const before = usageOf(phone.pid).cpuSeconds;
  const { lines, ...figures } = await measure(command(root, full === true), env);
  const phoneCpuSeconds = usageOf(phone.pid).cpuSeconds - before;
  return { ...figures, phoneCpuSeconds, ...(commitSeconds && { commitSeconds: commitSeconds(lines) }) };
}

function runReading() {
  const reading = new URL('./reading.js', import.meta.url).pathname;
  const choices = ['--rounds', flags.rounds, '--dir', flags.dir, ...(flags.quick ? ['--quick'] : [])];
  process.exitCode = spawnSync(process.execPath, [reading, ...choices], { stdio: 'inherit' }).status ?? 1;
}

const NAMES = ['large', 'small', 'changed', 'million', 'restore', 'versions', 'reading'];
if (flags.only !== undefined && !NAMES.includes(flags.only)) {
  process.stderr.write(`--only ${flags.only}: one of ${NAMES.join(', ')}\n`);
  process.exit(2);
}
if (flags.only === 'reading') {
  runReading();
  process.exit();
}
const NEEDED = flags.only === 'versions' ? { restic: 'restic' } : { idevicebackup2: 'libimobiledevice-utils' };
if (flags.only === undefined) NEEDED.restic = 'restic';
for (const [program, debianPackage] of Object.entries(NEEDED)) {
  if (spawnSync('sh', ['-c', `command -v ${program}`]).status === 0) continue;
  process.stderr.write(`${program} is missing: apt install ${debianPackage}\n`);
  process.exit(1);
}
const folder = mkdtempSync(join(flags.dir, 'ibk-bench-'));
try {
  const { version } = process;
  process.stdout.write(`${cpus().length} cores, Node ${version}, in ${flags.dir}, median of ${flags.rounds}\n`);
  const scale = flags.quick ? 10 : 1;
  for (const theCase of casesOf(flags.only, scale)) await runCase(theCase, folder);
  if (flags.only === undefined || flags.only === 'restore') await runRestores(folder, Number(flags.rounds), scale);
  if (flags.only === undefined || flags.only === 'versions') await runVersions(folder, Number(flags.rounds), scale);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (flags.only === undefined) runReading();
