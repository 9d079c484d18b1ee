/**
 * `npm run bench -- --only restore`: `ibk restore` beside Debian's `idevicebackup2 restore`, in turn in one run, of the same backup to the same kind of simulated
 * iPhone (iOS 15), a new one for each measurement. What ibk looks through before it sends anything is part of its time, and shown apart.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openSqlite } from '../../dist/io/sqlite.js';
import { measure, usageOf } from './measure.js';
import { IBK, startPhone } from './phone.js';
import { stepTable } from './report.js';

const MiB = 1024 * 1024;

/** `manifestBytes`: the manifest is filled up to this size with a table that nobody reads. */
const CASES = [
  { title: 'one 2 GiB file', files: 1, bytes: 2048 * MiB },
  { title: '50,000 files of 1-64 KiB', files: 50_000, bytes: 50_000 * 32.5 * 1024, scenario: 'even-sizes' },
  { title: '100 files and a Manifest.db of 1.5 GB', files: 100, bytes: MiB, manifestBytes: 1.5e9 },
];

const PROGRAMS = [
  {
    name: 'idevicebackup2',
    command: (root) => ['idevicebackup2', 'restore', '--system', '--settings', '--no-reboot', '--skip-apps', root],
  },
  {
    name: 'ibk',
    command: (root) => {
      const backup = join(root, deviceFolder(root));
      return [process.execPath, IBK, 'restore', backup, '--yes', '--no-reboot', '--skip-apps', '--json'];
    },
    checkSeconds,
  },
];

/** @param folder scratch, for the backup and for what the phones keep */
export async function runRestores(folder, rounds, scale) {
  for (const each of CASES) {
    const theCase = {
      ...each,
      files: Math.max(1, Math.round(each.files / scale)),
      bytes: Math.floor(each.bytes / scale),
    };
    const root = join(folder, 'restore');
    mkdirSync(root);
    await withPhone(folder, theCase, (_phone, env) => measure(['idevicebackup2', 'backup', '--full', root], env));
    if (each.manifestBytes !== undefined) fillManifest(root, each.manifestBytes / scale);
    const measured = new Map(PROGRAMS.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < PROGRAMS.length; i++) {
        const program = PROGRAMS[(i + round) % PROGRAMS.length];
        const figures = await withPhone(folder, theCase, (phone, env) => runOnce(program, root, phone, env));
        measured.get(program.name).push(figures);
      }
    }
    rmSync(root, { recursive: true });
    process.stdout.write(stepTable(`restore: ${each.title}`, measured));
  }
}

async function withPhone(folder, theCase, work) {
  const socket = join(folder, 'phone.sock');
  // What a phone has taken lies in its temp folder.
  const env = { ...process.env, TMPDIR: folder, USBMUXD_SOCKET_ADDRESS: `UNIX:${socket}` };
  const phone = await startPhone(socket, theCase, env);
  try {
    return await work(phone, env);
  } finally {
    phone.removeAllListeners('exit');
    const ended = new Promise((resolve) => phone.once('exit', resolve));
    phone.kill('SIGTERM');
    await ended;
  }
}

async function runOnce({ command, checkSeconds: checked }, root, phone, env) {
  const before = usageOf(phone.pid).cpuSeconds;
  const { lines, ...figures } = await measure(command(root), env);
  const phoneCpuSeconds = usageOf(phone.pid).cpuSeconds - before;
  return { ...figures, phoneCpuSeconds, ...(checked && { checkSeconds: checked(lines) }) };
}

/** From the first event to the moment at which the phone is asked to restore. */
function checkSeconds(lines) {
  const events = lines.map(({ text, at }) => ({ ...JSON.parse(text), at }));
  return events.find(({ phase }) => phase === 'send').at - events[0].at;
}

function fillManifest(root, bytes) {
  const database = openSqlite(join(root, deviceFolder(root), 'Manifest.db'));
  database.exec('CREATE TABLE Filling(content BLOB)');
  const fill = database.prepare('INSERT INTO Filling SELECT randomblob(?)');
  database.transaction(() => {
    for (let left = bytes; left > 0; left -= MiB) fill.run(MiB);
  })();
  database.close();
}

function deviceFolder(root) {
  return readdirSync(root).find((name) => !name.startsWith('.'));
}
