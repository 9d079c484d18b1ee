/** Whole backups with the real stack, in process: what is in the folder, what is told, what stays when it fails. */
import { readdirSync, statSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import type { OperationEvent } from '../../src/events.js';
import { listBackups } from '../../src/operations/list-backups.js';
import { startSimulator } from '../../src/sim/index.js';
import { readBackup } from '../support/backup-reader.js';
import { differences } from '../support/compare-backups.js';
import { temporaryRoot, tryBackup } from '../support/ibk-backup.js';
import { phoneKinds } from '../support/phone-kinds.js';

/** Trusted already: making keys and answering the dialog would be most of the time. */
const PAIRED = ['paired'];
const SMALL = { files: 20, bytes: 300_000, scenarios: PAIRED };

describe.each(phoneKinds(['9', '12', '15', '17', '26'], 'plain'))('$name', ({ ios, password }) => {
  test('full, changed, incremental', async () => {
    const encryption = password === undefined ? {} : { encryption: { password } };
    await using sim = await startSimulator({
      ios: [ios],
      files: 40,
      bytes: 1_000_000,
      scenarios: PAIRED,
      ...encryption,
    });
    const [phone] = sim.phones;
    if (phone === undefined) throw new Error('no phone');
    await using root = await temporaryRoot();
    const full = await tryBackup({ listen: sim.listen, root: root.path });
    const files = Object.keys(await phone.content.tree(password !== undefined)).length;
    const encrypted = password !== undefined;
    const check = encrypted && ios !== '9' ? 'received' : 'manifest';
    expect(full.summary).toMatchObject({ code: 'ok', exit: 0, kind: 'full', encrypted, check, filesReceived: files });
    expect(full.summary.filesTotal).toBe(files);
    await phone.content.mutate({ add: 2, change: 2, remove: 2, rename: 1 });
    const next = await tryBackup({ listen: sim.listen, root: root.path });
    expect(next.summary).toMatchObject({ kind: 'incremental', filesReceived: 5, filesTotal: files });
    const read = readBackup(join(root.path, phone.udid), password);
    expect(read.problems).toEqual([]);
    expect(read.tree).toEqual({ ...(await phone.content.tree(encrypted)) });
    expect(sim.violations).toEqual([]);
    expect(next.events.at(-1)).toBe(next.summary);
    expect(next.events.some((event) => event.type === 'warning' && event.reason === 'not_encrypted')).toBe(!encrypted);
  });
});

test('folders are 0700 and files 0600; the root is listed as one backup', async () => {
  await using sim = await startSimulator(SMALL);
  await using root = await temporaryRoot();
  const place = join(root.path, 'new', 'root');
  const { summary } = await tryBackup({ listen: sim.listen, root: place });
  for (const name of readdirSync(place, { recursive: true, encoding: 'utf8' })) {
    const stat = statSync(join(place, name));
    expect(stat.mode & 0o777, name).toBe(stat.isDirectory() ? 0o700 : 0o600);
  }
  await writeFile(join(place, 'not a backup'), '');
  const { backups, bytes } = await listBackups({ root: place });
  expect(backups).toMatchObject([
    {
      udid: summary.udid,
      name: 'Sim iPhone',
      state: 'as_left',
      versions: [{ id: summary.version, complete: true, encrypted: false, files: 20, madeBy: 'ibk 1.0.0' }],
    },
  ]);
  expect(bytes).toBeGreaterThan(300_000);
  await expect(listBackups({ root: join(place, 'none') })).rejects.toMatchObject({ code: 'not_found' });
});

/** Runs a backup that must fail over a good one, and gives its error; the good one must be untouched. */
async function failOver(
  scenarios: readonly string[],
  timeouts = {},
): Promise<{ error: IbkError; events: OperationEvent[] }> {
  await using root = await temporaryRoot();
  await using copy = await temporaryRoot();
  let udid = '';
  {
    await using good = await startSimulator(SMALL);
    udid = (await tryBackup({ listen: good.listen, root: root.path })).summary.udid;
    await cp(join(root.path, udid), join(copy.path, udid), { recursive: true });
  }
  const stat = (path: string) =>
    readdirSync(path, { recursive: true, encoding: 'utf8' }).map(
      (name) => `${name} ${statSync(join(path, name)).mtimeMs}`,
    );
  const before = stat(join(root.path, udid));
  await using sim = await startSimulator({ ...SMALL, scenarios: [...PAIRED, ...scenarios] });
  sim.phones[0]?.content.mutate({ add: 1, change: 1, remove: 1, rename: 0 });
  const events: OperationEvent[] = [];
  try {
    await tryBackup({ listen: sim.listen, root: root.path, timeouts }, events);
  } catch (error) {
    expect(stat(join(root.path, udid))).toEqual(before);
    expect(differences(join(root.path, udid), join(copy.path, udid))).toEqual([]);
    // Nothing that was received is left, and no operation: one head, the catalog, the lock.
    const own = readdirSync(join(root.path, '.ibk', udid));
    expect(own.map((name) => name.replace(/\.\d+$/, ''))).toEqual(['catalog.db', 'head', 'lock', 'shadow']);
    expect(readdirSync(root.path).sort()).toEqual(['.ibk', udid]);
    if (!(error instanceof IbkError)) throw error;
    expect(error.meaning).toMatch(/The last good backup \(\d{4}-\d\d-\d\d \d\d:\d\d\) is as it was\./);
    return { error, events };
  }
  throw new Error('it succeeded');
}

describe('a backup that fails leaves the last good one as it was, and says so', () => {
  test.each([
    ['cut=scan', 24, /^The cable came out while scanning\.$/],
    ['cut=receive', 24, /^The cable came out while receiving, at \d+ %\.$/],
    ['cut=finish', 24, /^The cable came out while/],
    ['cancel=receive', 30, /^The backup was stopped on the iPhone\.$/],
    ['passcode-refused', 23, /^The passcode was not entered on the iPhone in time\.$/],
    ['low-space', 14, /^Not enough space: this backup needs .* are free\.$/],
    ['final=1', 25, /./],
    ['final=104', 25, /./],
    ['final=205', 13, /./],
    ['final=211', 28, /./],
    ['final=212', 27, /./],
    ['no-response', 25, /^The iPhone ended the backup without an answer/],
    ['bad-message=length', 25, /^The iPhone sent something that cannot be read: /],
    ['bad-message=cyclic', 25, /^The iPhone sent something that cannot be read: /],
    ['attack=parent', 16, /^Refused: the iPhone asked to write outside its backup folder\.$/],
    ['attack=other-device:move-to', 16, /^Refused/],
  ] as const)('%s: exit %i', async (scenario, exit, message) => {
    const { error } = await failOver([scenario]);
    expect(error.message).toMatch(message);
    expect(error.exit).toBe(exit);
    expect(error.phase).toBeDefined();
  });

  test('silence beyond the limit', async () => {
    const { error } = await failOver(['silent=scan:5'], { stallMs: 1000 });
    expect(error).toMatchObject({ code: 'timeout', exit: 26, phase: 'scan' });
    expect(error.message).toBe('The iPhone was silent for 1 s while scanning (--stall-timeout).');
  });

  test('a passcode that nobody enters', async () => {
    const { error, events } = await failOver(['passcode-manual'], { passcodeMs: 500 });
    expect(error).toMatchObject({ code: 'device_locked', exit: 23, reason: 'passcode_timeout', phase: 'passcode' });
    expect(events).toContainEqual(expect.objectContaining({ type: 'prompt', prompt: 'passcode', state: 'shown' }));
  });
});

test('Ctrl-C: the phone is told, nothing is left, and the next run succeeds', async () => {
  await using root = await temporaryRoot();
  await using sim = await startSimulator({ files: 200, bytes: 20_000_000, scenarios: PAIRED });
  const stop = new AbortController();
  const interrupted = tryBackup({
    listen: sim.listen,
    root: root.path,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'phase' && event.phase === 'receive')
        stop.abort(new IbkError('interrupted', 'Stopped by you.'));
    },
  });
  await expect(interrupted).rejects.toMatchObject({ code: 'interrupted', exit: 130, phase: 'receive' });
  expect(sim.violations).toEqual([]);
  const { summary } = await tryBackup({ listen: sim.listen, root: root.path });
  expect(summary).toMatchObject({ code: 'ok', kind: 'full' });
});

test('files that the phone could not send: listed, exit 3, and the rest is kept', async () => {
  await using root = await temporaryRoot();
  await using sim = await startSimulator({ ...SMALL, scenarios: [...PAIRED, 'file-error=data:2'] });
  const { summary, events } = await tryBackup({ listen: sim.listen, root: root.path });
  expect(summary).toMatchObject({ code: 'partial', exit: 3, filesFailed: 2, filesTotal: 18 });
  expect(summary.failures).toHaveLength(2);
  expect(events.filter(({ type }) => type === 'file_error')).toHaveLength(2);
});

test("iOS 17's backup_manifest.db is a warning; an unknown message is answered", async () => {
  await using root = await temporaryRoot();
  await using sim = await startSimulator({
    ...SMALL,
    scenarios: [...PAIRED, 'manifest-upload-error', 'unknown-message'],
  });
  const { summary, events } = await tryBackup({ listen: sim.listen, root: root.path });
  expect(summary).toMatchObject({ code: 'ok', exit: 0, filesFailed: 0 });
  const reasons = events.map((event) => (event.type === 'warning' ? event.reason : ''));
  expect(reasons).toEqual(expect.arrayContaining(['manifest_upload_failed', 'unknown_message']));
});
