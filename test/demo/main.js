/**
 * `npm run demo`: the main job from start to end, with a simulated iPhone and the built program, as a user would type it.
 * `-v` prints each command in full, `--keep` keeps the files.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { formatBytes, groupThousands } from '../../dist/figures.js';

const IBK = new URL('../../bin/ibk.js', import.meta.url).pathname;
const { values: flags } = parseArgs({
  options: { verbose: { type: 'boolean', short: 'v' }, keep: { type: 'boolean' } },
});

const folder = mkdtempSync(join(tmpdir(), 'ibk-demo-'));
const listen = `UNIX:${join(folder, 'phone.sock')}`;
const root = join(folder, 'backups');
const env = { ...process.env, USBMUXD_SOCKET_ADDRESS: listen, IBK_OUT: root };
const unicode = /UTF-?8/i.test(process.env.LC_ALL || process.env.LC_CTYPE || process.env.LANG || '');
const started = performance.now();

class StepFailed extends Error {}

function show(args) {
  if (flags.verbose) process.stdout.write(`$ ibk ${args.join(' ')}\n`);
}

/** Runs the built ibk and gives what it wrote to stdout. A failure shows its own words. */
function ibk(...args) {
  show(args);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [IBK, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      err += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (flags.verbose) process.stdout.write(err);
      if (code === 0) resolve(out);
      else reject(new StepFailed(`ibk ${args.join(' ')}: exit ${code}\n${err || out}`));
    });
  });
}

const lines = (text) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const summary = (text) => lines(text).at(-1);

async function step(title, work) {
  const begun = performance.now();
  const print = (ok, detail) => {
    const seconds = `${((performance.now() - begun) / 1000).toFixed(1)} s`;
    const mark = unicode ? (ok ? '✓' : '✗') : ok ? 'ok' : 'x ';
    process.stdout.write(`  ${mark} ${title.padEnd(36)}${detail.padEnd(30)}${seconds.padStart(6)}\n`);
  };
  try {
    print(true, await work());
  } catch (error) {
    print(false, 'failed');
    throw error;
  }
}

/** Starts the simulated phone and gives its first line, which says that it can be connected to. */
function startPhone() {
  const args = ['sim', '--listen', listen, '--files', '500', '--bytes', '50M', '--seed', '1'];
  show(args);
  const child = spawn(process.execPath, [IBK, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaint += text;
  });
  const ready = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)));
    child.once('error', reject);
    child.once('exit', () => reject(new StepFailed(`ibk sim ended\n${complaint}`)));
  });
  const stop = () =>
    new Promise((resolve) => {
      if (child.exitCode !== null) return resolve();
      child.once('exit', resolve);
      child.kill('SIGTERM');
    });
  return { ready, stop };
}

let phone;
try {
  await step('simulated phone, iOS 17.6', async () => {
    phone = startPhone();
    await phone.ready;
    const files = Object.values(JSON.parse(await ibk('sim', 'ctl', 'tree', '--listen', listen)));
    const bytes = files.reduce((sum, file) => sum + file.size, 0);
    return `${groupThousands(files.length)} files, ${formatBytes(bytes)}`;
  });
  await step('ibk pair', async () => {
    await ibk('pair');
    return 'Trust tapped by the simulator';
  });
  await step('ibk backup, first full', async () => {
    const done = summary(await ibk('backup', '--json'));
    return `${groupThousands(done.files_received)} files, ${formatBytes(done.bytes_received)}`;
  });
  await step('phone changed, ibk backup', async () => {
    await ibk('sim', 'ctl', 'mutate', '--add', '3', '--change', '2', '--remove', '1', '--listen', listen);
    const done = summary(await ibk('backup', '--json'));
    return `+3 ~2 -1, ${groupThousands(done.files_received)} files, ${formatBytes(done.bytes_received)}`;
  });
  await step('ibk list, ibk verify --read-data', async () => {
    const { devices } = JSON.parse(await ibk('list', '--json'));
    const { versions } = devices[0];
    const verified = JSON.parse(await ibk('verify', '--read-data', '--json'));
    return `${versions.length} versions, ${groupThousands(verified.files_checked)} files right`;
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const kept = flags.keep ? `The files are in ${folder}` : 'The files were removed (npm run demo -- --keep keeps them)';
  process.stdout.write(`Done in ${seconds} s. ${kept}.\n`);
} catch (error) {
  process.stderr.write(`${error instanceof StepFailed ? error.message : error.stack}\n`);
  process.exitCode = 1;
} finally {
  await phone?.stop();
  if (!flags.keep) rmSync(folder, { recursive: true, force: true });
}
