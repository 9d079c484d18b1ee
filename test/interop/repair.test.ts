/**
 * `ibk repair` on folders that idevicebackup2 left when the cable came out. Where the run had got to is made by hand from such a folder: the state in
 * Status.plist, and files that moved up. What must come out is what the phone held, read by a reader that shares no code.
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BackupStore } from '../../src/backup/store.js';
import { Secret } from '../../src/io/secret.js';
import { chooseBackup } from '../../src/operations/backup-word.js';
import { prepareRepair, type PlannedRepair } from '../../src/operations/repair.js';
import { buildBinaryPlist, parsePlist } from '../../src/plist/codec.js';
import { type PlistDict, plistDict } from '../../src/plist/value.js';
import { type SimulatorOptions, startSimulator } from '../../src/sim/index.js';
import { readBackup } from '../support/backup-reader.js';
import { tryBackup } from '../support/ibk-backup.js';
import { change, type PhoneState, readBack, stateOf } from '../support/phone-history.js';
import { KILL, runIbk, tempHome, transcript } from '../support/run-ibk.js';
import { describeWithTools } from '../support/tools.js';

const PHONE: SimulatorOptions = { scenarios: ['paired'], ios: ['17'], files: 15, bytes: 60_000 };
const PASSWORD = 'correct horse';
const NOW = Date.UTC(2026, 10, 21, 7, 6, 0);
const ASIDE = '.aside-20261121T070600Z';
const home = tempHome();
const top = mkdtempSync(join(tmpdir(), 'ibk-test-repair-'));
afterAll(() => {
  for (const folder of [home, top]) rmSync(folder, { recursive: true, force: true });
});

describeWithTools('repair', ['idevicebackup2'], () => {
  /** Made by ibk, then a run of idevicebackup2 was cut off with everything in Snapshot. */
  const root = join(top, 'root');
  let udid: string;
  let [before, after]: PhoneState[] = [];
  beforeAll(async () => {
    mkdirSync(root);
    await using sim = await startSimulator(PHONE);
    udid = sim.phones[0]?.udid ?? '';
    await tryBackup({ listen: sim.listen, root });
    before = await stateOf(sim);
    await using twin = await startSimulator({ ...PHONE, scenarios: ['paired', 'cut=finish'] });
    await change(twin);
    after = await stateOf(twin);
    const env = { USBMUXD_SOCKET_ADDRESS: twin.listen };
    await execa('idevicebackup2', ['backup', root], { env, reject: false, timeout: 50_000 });
    expect(readdirSync(join(root, udid))).toContain('Snapshot');
  });

  let copies = 0;
  /** @param kept with the store that ibk has of it */
  function copy(kept: boolean): { root: string; folder: string } {
    const at = join(top, `${++copies}`);
    cpSync(kept ? root : join(root, udid), kept ? at : join(at, 'phone'), {
      recursive: true,
      preserveTimestamps: true,
    });
    return { root: at, folder: kept ? join(at, udid) : join(at, 'phone') };
  }

  function say(folder: string, state: string): void {
    const path = join(folder, 'Status.plist');
    const dict = parsePlist(readFileSync(path), path) as PlistDict;
    writeFileSync(path, buildBinaryPlist(plistDict({ ...dict, SnapshotState: state })));
  }

  const below = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(folder, name)).isFile())
      .sort();

  /** Payloads first, as the device orders it. @param most of these */
  function moveUp(folder: string, most: number): void {
    const snapshot = join(folder, 'Snapshot');
    const moving = below(snapshot).filter((name) => name !== 'Status.plist');
    moving.sort((a, b) => Number(a.includes('Manifest')) - Number(b.includes('Manifest')));
    for (const name of moving.slice(0, most)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      renameSync(join(snapshot, name), join(folder, name));
    }
  }

  async function plan(at: { root: string; folder: string }, password?: string): Promise<PlannedRepair> {
    const { chosen } = await chooseBackup({ root: at.root, words: [at.folder], udids: [], command: '', cwd: '/' });
    return prepareRepair(chosen, {
      root: at.root,
      password: async () => (password === undefined ? undefined : Secret.of(password)),
    });
  }

  const hashes = (folder: string) => {
    const { tree, problems } = readBackup(folder);
    expect(problems).toEqual([]);
    return new Map(Object.entries(tree).map(([path, { sha256 }]) => [path, sha256]));
  };

  test.each([
    ['elsewhere', false],
    ['under a root', true],
  ])('uploading, %s: the Snapshot goes aside, the backup is the earlier one', async (_where, kept) => {
    const at = copy(kept);
    const snapshot = below(join(at.folder, 'Snapshot'));
    const planned = await plan(at);
    expect(planned.plan).toMatchObject({ state: 'finished', snapshot: { action: 'set_aside' }, status: null });
    const { aside, after: now } = await planned.run(NOW);
    expect(now.verified).toMatchObject({ faults: [], warnings: [] });
    expect(hashes(at.folder)).toEqual(before);
    if (kept) expect(aside).toBeNull();
    else expect(aside).toBe(`${at.folder}${ASIDE}`);
    const put = kept ? join(at.root, '.ibk', udid, 'aside') : (aside ?? '');
    expect(below(put).map((name) => name.replace(/^.*Snapshot\//, ''))).toEqual(snapshot);
    expect((await plan(at)).nothing).toBe(true);
  });

  test.each([
    ['elsewhere', false, 3],
    ['elsewhere, all but the manifest', false, -2],
    ['under a root', true, 3],
    ['under a root, nothing yet', true, 0],
  ])('moving, %s: the run is completed', async (_where, kept, moved) => {
    const at = copy(kept);
    say(at.folder, 'moving');
    const total = below(join(at.folder, 'Snapshot')).length - 1;
    moveUp(at.folder, moved < 0 ? total + moved : moved);
    const all = below(at.folder).length;
    const planned = await plan(at);
    expect(planned.plan.snapshot?.action).toBe('complete');
    const { aside, after: now } = await planned.run(NOW);
    expect(now.verified).toMatchObject({ faults: [], warnings: [] });
    expect(hashes(at.folder)).toEqual(after);
    expect((await plan(at)).nothing).toBe(true);
    if (!kept) {
      // Nothing was deleted: all files are here or there, and the Status.plist as it was.
      expect(below(at.folder).length + below(aside ?? '').length).toBe(all + 1);
      expect(statSync(aside ?? '').mode & 0o777).toBe(0o700);
      return;
    }
    const versions = new BackupStore(at.root, udid).versions();
    expect(versions.map(({ origin, complete }) => [origin, complete])).toEqual([
      ['ibk', true],
      ['ibk', true],
    ]);
    const first = await readBack(at.root, udid, versions[1]?.id ?? '', before ?? new Map());
    expect(first.wrong).toEqual([]);
    // What moved up over an old file before ibk saw it is lost, and said to be; the repair itself loses nothing.
    expect(first.lost.length).toBeLessThanOrEqual(Math.max(0, moved));
  });

  test('removing: complete, but for its word', async () => {
    for (const kept of [false, true]) {
      const at = copy(kept);
      moveUp(at.folder, Number.MAX_SAFE_INTEGER);
      say(at.folder, 'removing');
      await (await plan(at)).run(NOW);
      expect(hashes(at.folder)).toEqual(after);
      expect((await plan(at)).nothing).toBe(true);
    }
  });

  test('moving, with a file that came nowhere: nothing is completed, and the Snapshot stays', async () => {
    const at = copy(false);
    say(at.folder, 'moving');
    const [lost = ''] = below(join(at.folder, 'Snapshot')).filter((name) => name.includes('/'));
    rmSync(join(at.folder, 'Snapshot', lost));
    rmSync(join(at.folder, lost), { force: true });
    const planned = await plan(at);
    expect(planned).toMatchObject({ nothing: true, plan: { snapshot: { action: 'left' }, status: null } });
    expect(planned.plan.verified.faults.map(({ kind }) => kind).sort()).toEqual(['missing', 'unfinished']);
  });

  test('lists of no bytes, files that nothing names, and links', async () => {
    const stray = `ab/${'ab'.repeat(20)}`;
    for (const kept of [false, true]) {
      const at = copy(kept);
      rmSync(join(at.folder, 'Snapshot'), { recursive: true });
      mkdirSync(join(at.folder, 'ab'), { recursive: true });
      writeFileSync(join(at.folder, stray), 'stray');
      const { aside } = await (await plan(at)).run(NOW);
      expect(hashes(at.folder)).toEqual(before);
      expect(below(at.folder)).not.toContain(stray);
      // Under a root the store itself sets it aside, when it takes the folder as it is.
      if (aside === null) {
        const kept = below(at.root).filter((path) => path.startsWith(`.ibk/${udid}/aside/`) && path.endsWith(stray));
        expect(kept.map((path) => readFileSync(join(at.root, path), 'utf8'))).toEqual(['stray']);
      } else expect(readFileSync(join(aside, stray), 'utf8')).toBe('stray');

      writeFileSync(join(at.folder, 'Manifest.plist'), '');
      const emptied = await plan(at);
      expect(emptied.plan.empty.paths).toEqual(['Manifest.plist']);
      const { after: now } = await emptied.run(NOW);
      expect(now.verified.faults.length).toBeGreaterThan(0);
      expect(below(at.folder)).not.toContain('Manifest.plist');
    }
    const at = copy(false);
    symlinkSync('/etc/passwd', join(at.folder, 'Manifest.mbdb'));
    await expect((await plan(at)).run(NOW)).rejects.toMatchObject({ code: 'unsafe' });
    expect(readdirSync(at.root)).toEqual(['phone']);
  });

  describe.each([
    ['17, encrypted', { ios: ['17'], encryption: { password: PASSWORD } }],
    ['9', { ios: ['9'] }],
    ['9, encrypted', { ios: ['9'], encryption: { password: PASSWORD } }],
  ] satisfies [string, SimulatorOptions][])('iOS %s', (name, options) => {
    const home = join(top, `iOS ${name}`);
    const folder = join(home, 'phone');
    const password = 'encryption' in options ? PASSWORD : undefined;
    const isFlat = name.startsWith('9');
    const orphan = isFlat ? 'ab'.repeat(20) : `ab/${'ab'.repeat(20)}`;
    beforeAll(async () => {
      await using sim = await startSimulator({ ...PHONE, ...options });
      const at = join(home, 'root');
      mkdirSync(at, { recursive: true });
      const env = { USBMUXD_SOCKET_ADDRESS: sim.listen };
      await execa('idevicebackup2', ['backup', at], { env, timeout: 50_000 });
      renameSync(join(at, sim.phones[0]?.udid ?? ''), folder);
      mkdirSync(dirname(join(folder, orphan)), { recursive: true });
      writeFileSync(join(folder, orphan), 'orphan');
      mkdirSync(join(folder, 'Snapshot'));
      writeFileSync(join(folder, 'Snapshot/Status.plist'), 'half');
    });
    const at = { root: top, folder };

    test('without the password nobody knows what an encrypted manifest names', async () => {
      const { plan: found } = await plan(at);
      expect(found.orphans.paths).toEqual(name === '17, encrypted' ? [] : [orphan]);
    });

    test('orphans and the Snapshot go aside, all else is as it was', async () => {
      const files = below(folder).filter((path) => path !== orphan && !path.startsWith('Snapshot/'));
      const planned = await plan(at, password);
      expect(planned.plan).toMatchObject({ orphans: { paths: [orphan] }, snapshot: { action: 'set_aside' } });
      const { aside, after: now } = await planned.run(NOW);
      expect(now.verified).toMatchObject({ faults: [], warnings: [] });
      expect(below(folder)).toEqual(files);
      expect(below(aside ?? '').sort()).toEqual(['Snapshot/Status.plist', orphan].sort());
      expect(readBackup(folder, password).problems).toEqual([]);
      expect((await plan(at, password)).nothing).toBe(true);
    });
  });

  test.each([false, true])('killed at any change, the next repair goes on with it; under a root: %j', async (kept) => {
    // The same folder all along: each run gets a change further than the one before, the last to the end.
    const at = copy(kept);
    say(at.folder, 'moving');
    moveUp(at.folder, 2);
    const seen: (number | undefined)[] = [];
    for (const change of ['any:2', 'any:5', 'any:9', undefined]) {
      const during = change === undefined ? {} : { during: { at: change, run: KILL } };
      const word = kept ? ['-o', at.root] : [at.folder];
      const ran = await runIbk(home, ['repair', ...word, '--yes'], during);
      seen.push(ran.exit);
    }
    expect(seen.slice(0, 2), 'it was killed').toEqual([undefined, undefined]);
    expect(seen.at(-1)).toBe(0);
    expect(hashes(at.folder)).toEqual(after);
    expect((await plan(at)).nothing).toBe(true);
  });

  test('as people see it', async () => {
    const at = copy(true);
    say(at.folder, 'moving');
    const texts: string[] = [];
    const run = async (...args: string[]) => {
      const ran = await runIbk(home, [...args, '-o', at.root]);
      texts.push(transcript(args, ran, at.root).replaceAll(udid, 'UDID'));
      return ran.exit;
    };
    const tree = below(at.root);
    expect(await run('repair', '--dry-run')).toBe(13);
    expect(await run('repair', '--no-input')).toBe(2);
    expect(below(at.root)).toEqual(tree);
    expect(await run('repair', '--yes')).toBe(0);
    expect(await run('repair')).toBe(0);
    expect(await run('repair', 'latest~1')).toBe(2);
    await expect(texts.join('\n')).toMatchFileSnapshot('../../fixtures/golden/repair.txt');
  });
});
