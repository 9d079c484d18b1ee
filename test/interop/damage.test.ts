/**
 * One byte flipped in each file in turn, under the same size and time, as a failing disk does it. In a backup that ibk received, every one is found, by its
 * checksum; in one of idevicebackup2, every one that carries a digest, and it is said how many carry none. Which do, an independent reader tells.
 */
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { folderSource } from '../../src/backup/reader/backup-source.js';
import { verifyBackup } from '../../src/backup/verify/verify-backup.js';
import { Secret } from '../../src/io/secret.js';
import { chooseBackup } from '../../src/operations/backup-word.js';
import { verify, type VerifyOptions } from '../../src/operations/verify.js';
import { buildBinaryPlist, parsePlist } from '../../src/plist/codec.js';
import { type PlistDict, plistDict } from '../../src/plist/value.js';
import { type SimulatorOptions, startSimulator } from '../../src/sim/index.js';
import { readBackup } from '../support/backup-reader.js';
import { tryBackup } from '../support/ibk-backup.js';
import { IS_WHOLE } from '../support/phone-kinds.js';
import { describeWithTools } from '../support/tools.js';

const top = mkdtempSync(join(tmpdir(), 'ibk-test-damage-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

const PASSWORD = 'correct horse';
const password = async () => Secret.of(PASSWORD);
const SMALL: SimulatorOptions = { scenarios: ['paired'], files: 15, bytes: 60_000 };
const encrypted: SimulatorOptions = { encryption: { password: PASSWORD } };

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort();

/** What describes the backup, and one payload in three; with IBK_TEST_ALL=1 each. */
const sampleOf = (files: readonly string[]) =>
  files.filter((name, index) => IS_WHOLE || name.length < 40 || index % 3 === 0);

/** One bit in the middle; as it was, afterwards. The time is kept to the nanosecond, which Node cannot; or it is that of the change. */
async function flipped<T>(path: string, look: () => Promise<T>, time: 'kept' | 'new' = 'kept'): Promise<T> {
  const clock = join(top, 'clock');
  execFileSync('touch', ['-r', path, clock]);
  const bytes = readFileSync(path);
  const put = (content: Buffer) => {
    writeFileSync(path, content);
    execFileSync('touch', ['-r', clock, path]);
  };
  const rotten = Buffer.from(bytes);
  const at = rotten.length >> 1;
  rotten.writeUInt8(rotten.readUInt8(at) ^ 1, at);
  put(rotten);
  if (time === 'new') execFileSync('touch', [path]);
  try {
    return await look();
  } finally {
    put(bytes);
  }
}

async function inRoot(root: string, options: Partial<VerifyOptions> = {}) {
  const { chosen } = await chooseBackup({ root, words: [], udids: [], command: '', cwd: '/' });
  return verify(chosen, { root, readData: true, password, ...options });
}

async function rootOf(options: SimulatorOptions): Promise<{ root: string; folder: string }> {
  const root = mkdtempSync(join(top, 'root-'));
  await using sim = await startSimulator({ ...SMALL, ...options });
  await tryBackup({ listen: sim.listen, root });
  return { root, folder: join(root, sim.phones[0]?.udid ?? '') };
}

const RECEIVED = [
  ['plain', {}],
  ['encrypted', encrypted],
  ['iOS 9', { ios: ['9'] }],
] satisfies [string, SimulatorOptions][];

test.each(RECEIVED)('received by ibk, %s: a flipped byte in any file', async (_name, options) => {
  const { root, folder } = await rootOf(options);
  expect(await inRoot(root)).toMatchObject({ problems: [], warnings: [], withoutChecksum: 0, notSent: 0 });
  const files = filesIn(folder).filter((name) => statSync(join(folder, name)).size > 0);
  expect(files.length).toBeGreaterThanOrEqual(18);
  for (const name of sampleOf(files)) {
    const { problems } = await flipped(join(folder, name), () => inRoot(root));
    expect(
      problems.find(({ path }) => path === name),
      name,
    ).toMatchObject({ kind: 'changed', differs: 'SHA-256' });
  }
  // By a program that does not hide it: the time is new.
  const payload = files.find((name) => name.length >= 40) ?? '';
  for (const name of [...files.filter((file) => file.length < 40), payload]) {
    const { code, problems } = await flipped(join(folder, name), () => inRoot(root), 'new');
    expect(code, name).toBe('damaged');
    expect(
      problems.find(({ path }) => path === name),
      name,
    ).toMatchObject({ kind: 'changed', differs: 'SHA-256' });
  }
  for (const name of files) execFileSync('touch', [join(folder, name)]);
  expect(await inRoot(root)).toMatchObject({ code: 'ok', problems: [], warnings: [], withoutChecksum: 0 });
});

/** What a script can do to a folder, and the file that must be told of. */
function damages(folder: string): readonly [what: string, path: string, damage: (file: string) => void][] {
  const names = filesIn(folder);
  // Its size binds in every backup: a payload that is no database, and that its record does not call empty.
  const payload = names.find((name) => /[0-9a-f]{40}$/.test(name) && statSync(join(folder, name)).size >= 2000) ?? '';
  const manifest = names.find((name) => /^Manifest\.(?:db|mbdb)$/.test(name)) ?? '';
  const described = ['Info.plist', 'Status.plist', 'Manifest.plist', manifest];
  return [
    ['missing', payload, (file) => rmSync(file)],
    ['short', payload, (file) => truncateSync(file, statSync(file).size - 1500)],
    ['empty', payload, (file) => truncateSync(file, 0)],
    ...described.flatMap((name): [string, string, (file: string) => void][] => [
      ['missing', name, (file) => rmSync(file)],
      ['empty', name, (file) => truncateSync(file, 0)],
      ['garbage', name, (file) => writeFileSync(file, 'garbage')],
      ['cut', name, (file) => truncateSync(file, statSync(file).size - 21)],
    ]),
    ['unfinished', 'Status.plist', (file) => writeFileSync(file, unfinished(readFileSync(file)))],
  ];
}

function unfinished(status: Buffer): Buffer {
  const dict = parsePlist(status, 'Status.plist') as PlistDict;
  return buildBinaryPlist(plistDict({ ...dict, SnapshotState: 'moving' }));
}

/** Each in turn, found and undone. Beside it, a file that nothing names. */
async function expectFound(folder: string, look: () => Promise<{ readonly told: string[]; readonly extra: string[] }>) {
  const stray = /^[0-9a-f]{40}$/.test(filesIn(folder)[0] ?? '') ? 'ab'.repeat(20) : `ab/${'ab'.repeat(20)}`;
  for (const [what, path, damage] of damages(folder)) {
    const kept = join(top, 'kept');
    execFileSync('cp', ['-a', join(folder, path), kept]);
    damage(join(folder, path));
    expect((await look()).told, `${what} ${path}`).toContain(path);
    execFileSync('cp', ['-a', kept, join(folder, path)]);
  }
  mkdirSync(dirname(join(folder, stray)), { recursive: true });
  writeFileSync(join(folder, stray), 'stray');
  expect(await look()).toEqual({ told: [], extra: [stray] });
  rmSync(join(folder, stray));
}

test.each(IS_WHOLE ? RECEIVED : RECEIVED.slice(1))(
  'received by ibk, %s: every other kind of damage',
  async (_name, options) => {
    const { root, folder } = await rootOf(options);
    await expectFound(folder, async () => {
      const { problems, warnings } = await inRoot(root);
      return { told: problems.map(({ path }) => path), extra: warnings.map(({ path }) => path) };
    });
  },
);

test('among so many files that threads look at them: each damage of one, and no other file', async () => {
  const { root, folder } = await rootOf({ files: 1100, bytes: 1_100_000 });
  const good = await inRoot(root);
  expect(good).toMatchObject({ problems: [], warnings: [], withoutChecksum: 0 });
  expect(good.compared).toBeGreaterThan(1100);
  const payloads = filesIn(folder).filter(
    (name) => /[0-9a-f]{40}$/.test(name) && statSync(join(folder, name)).size > 20,
  );
  const [touched = '', rotten = '', changed = '', gone = '', short = '', linked = ''] = [
    0, 150, 300, 450, 600, 750,
  ].map((at) => payloads[at] ?? '');
  execFileSync('touch', [join(folder, touched)]);
  rmSync(join(folder, gone));
  truncateSync(join(folder, short), 7);
  rmSync(join(folder, linked));
  symlinkSync('/dev/zero', join(folder, linked));
  const whatIs = async (readData: boolean) => {
    const { problems } = await inRoot(root, { readData });
    return problems.map(({ path, kind }) => `${kind} ${path}`);
  };
  const always = [`missing ${gone}`, `size ${short}`, `missing ${linked}`];
  expect(await whatIs(false)).toEqual(always);
  const all = await flipped(join(folder, rotten), () => flipped(join(folder, changed), () => whatIs(true), 'new'));
  expect(all).toEqual([`changed ${rotten}`, `changed ${changed}`, ...always]);
  const stop = new AbortController();
  const stopped = inRoot(root, { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) });
  await expect(stopped).rejects.toThrow('enough');
});

test('an Info.plist that another program wrote anew when it began is no damage', async () => {
  const { root, folder } = await rootOf({});
  const path = join(folder, 'Info.plist');
  const info = parsePlist(readFileSync(path), path) as PlistDict;
  const begun = new Date(Math.trunc(Date.now() / 1000) * 1000 + 3_600_000);
  writeFileSync(path, buildBinaryPlist(plistDict({ ...info, 'Last Backup Date': begun })));
  expect(await inRoot(root)).toMatchObject({ code: 'ok', problems: [] });
});

test('files that the device could not send are no damage', async () => {
  const { root } = await rootOf({ scenarios: ['paired', 'file-error=data:2'] });
  expect(await inRoot(root)).toMatchObject({ problems: [], warnings: [], notSent: 2 });
});

describeWithTools('received by idevicebackup2', ['idevicebackup2'], () => {
  async function madeByOther(options: SimulatorOptions): Promise<{ root: string; folder: string }> {
    const root = mkdtempSync(join(top, 'other-'));
    await using sim = await startSimulator({ ...SMALL, files: 40, ...options });
    const env = { USBMUXD_SOCKET_ADDRESS: sim.listen };
    await execa('idevicebackup2', ['backup', root], { env, timeout: 50_000 });
    return { root, folder: join(root, sim.phones[0]?.udid ?? '') };
  }

  test.each([
    ['17, plain', { ios: ['17'] }],
    ['17, encrypted', { ios: ['17'], ...encrypted }],
    ['9, plain', { ios: ['9'] }],
    ['9, encrypted', { ios: ['9'], ...encrypted }],
  ] satisfies [string, SimulatorOptions][])('iOS %s', async (_name, options) => {
    const { folder } = await madeByOther(options);
    const { rows, problems } = readBackup(folder, PASSWORD);
    expect(problems).toEqual([]);
    const places = new Map(
      filesIn(folder)
        .filter((name) => /[0-9a-f]{40}$/.test(name))
        .map((name) => [name.slice(-40), name]),
    );
    const regular = rows.filter(({ fileId }) => places.has(fileId));
    const withDigest = regular.filter(({ digest }) => digest !== undefined && digest.length > 0);
    expect(withDigest.length).toBeGreaterThan(4);
    const look = () => verifyBackup(folderSource(folder), { readData: true, password });
    expect(await look()).toMatchObject({
      faults: [],
      warnings: [],
      compared: withDigest.length,
      withoutChecksum: regular.length - withDigest.length,
    });
    for (const name of sampleOf(withDigest.map(({ fileId }) => places.get(fileId) ?? ''))) {
      if (statSync(join(folder, name)).size === 0) continue;
      const { faults } = await flipped(join(folder, name), look);
      expect(faults.map(({ kind, path }) => [kind, path])).toEqual([['digest', name]]);
    }
    expect((await look()).faults).toEqual([]);
  });

  test.each([
    ['17, plain', { ios: ['17'] }],
    ['17, encrypted', { ios: ['17'], ...encrypted }],
    ['9, encrypted', { ios: ['9'], ...encrypted }],
  ] satisfies [string, SimulatorOptions][])('iOS %s: every other kind of damage', async (_name, options) => {
    const { folder } = await madeByOther({ ...options, files: 15 });
    await expectFound(folder, async () => {
      const { faults, warnings } = await verifyBackup(folderSource(folder), { readData: true, password });
      return { told: faults.map(({ path }) => path), extra: warnings.map(({ path }) => path) };
    });
  });

  test('checksums that are taken later find it as well, in files without a digest, too', async () => {
    const { root, folder } = await madeByOther({ ios: ['17'], files: 15 });
    const files = filesIn(folder).filter((name) => statSync(join(folder, name)).size > 0);
    expect((await inRoot(root)).withoutChecksum).toBeGreaterThan(2);
    expect(await inRoot(root, { adopt: true })).toMatchObject({ problems: [], adopted: filesIn(folder).length });
    expect(await inRoot(root)).toMatchObject({ problems: [], withoutChecksum: 0, foreign: true });
    for (const name of sampleOf(files)) {
      const { problems } = await flipped(join(folder, name), () => inRoot(root));
      expect(
        problems.find(({ path }) => path === name),
        name,
      ).toMatchObject({ kind: 'changed', differs: 'SHA-256' });
    }
    // Damaged, nothing would be kept; and of a folder elsewhere nothing can be.
    const damaged = await flipped(join(folder, files[0] ?? ''), () => inRoot(root, { adopt: true }));
    expect(damaged).toMatchObject({ code: 'damaged', adopted: null });
    const elsewhere = await chooseBackup({ root: top, words: [folder], udids: [], command: '', cwd: '/' });
    const adopting = verify(elsewhere.chosen, { root: top, readData: false, adopt: true });
    await expect(adopting).rejects.toMatchObject({
      code: 'usage',
      exit: 2,
      hint: expect.not.stringMatching(/import/i),
    });
  });
});
