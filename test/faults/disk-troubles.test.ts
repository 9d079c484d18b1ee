/**
 * A disk that fills up, fails, turns read-only or is pulled out at a known moment of a run of the built ibk. Each time: the documented code, a true word about
 * the last good backup, that backup whole, and the next run succeeds. IBK_TEST_ALL=1 fills the disk at every change of a run, not at two, and takes it away at each moment.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownHolder } from '../../src/backup/lock/lock-holder.js';
import { BackupStore } from '../../src/backup/store.js';
import { type Disk, mountDisk, whyNoDisk } from '../support/disks.js';
import { type Phone, plugIn } from '../support/phone.js';
import { change, type PhoneState, readBack, stateOf } from '../support/phone-history.js';
import { type During, IBK, type Ran, tempHome } from '../support/run-ibk.js';
import { IS_WHOLE } from '../support/phone-kinds.js';

const LAST_GOOD = 'The last good backup \\(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d\\) is as it was\\.';
const HALF_WAY = 'Nothing is lost: the next ibk backup to this folder completes it first\\.';

const home = tempHome();
const reason = whyNoDisk('ext4') ?? whyNoDisk('tmpfs');
let phone: Phone;
let udid: string;
/** What the phone held at the last good backup in each root. */
const states = new Map<string, { readonly id: string; readonly state: PhoneState }>();

beforeAll(async () => {
  phone = await plugIn(home, { scenarios: ['paired'], ios: ['15'], files: 40, bytes: 700_000, listen: '127.0.0.1:0' });
  udid = phone.sim.phones[0]?.udid ?? '';
});
afterAll(async () => {
  await phone[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

const newest = (root: string) => new BackupStore(root, udid).versions()[0]?.id ?? '';
const run = (root: string, during?: During) => phone.ibk(['backup', '-q', '-o', root], during && { during });

async function succeed(root: string): Promise<void> {
  const state = await stateOf(phone.sim);
  const ran = await run(root);
  expect(ran.exit, ran.stderr).toBe(0);
  states.set(root, { id: newest(root), state });
}

/** The last good backup, read through the library and compared with what the phone held then. */
async function expectWhole(root: string): Promise<void> {
  const { id, state } = states.get(root) ?? { id: '', state: new Map() };
  expect(await readBack(root, udid, id, state)).toEqual({ right: state.size, lost: [], wrong: [] });
  expect(await new BackupStore(root, udid).verify(id, { readData: true })).toMatchObject({ problems: [] });
}

function expectFailure(ran: Ran, what: RegExp): void {
  expect(ran.stderr).toMatch(what);
  expect(ran.stderr).toContain('destination · exit 14');
  expect(ran.exit).toBe(14);
}

describe.skipIf(reason !== undefined)(`a disk in trouble${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  describe('full', () => {
    let disk: Disk;
    let total: number;
    const counted = join(home, 'count');
    beforeAll(async () => {
      disk = mountDisk('tmpfs');
      await succeed(disk.path);
      await change(phone.sim);
      const env = { IBK_TEST_COUNT: counted };
      expect((await phone.ibk(['backup', '-q', '-o', disk.path], { env, during: { at: '', run: '' } })).exit).toBe(0);
      states.set(disk.path, { id: newest(disk.path), state: await stateOf(phone.sim) });
      total = JSON.parse(readFileSync(counted, 'utf8')).any;
    }, 600_000);
    afterAll(() => disk[Symbol.dispose]());

    test('at any moment', { timeout: 600_000 }, async () => {
      const step = IS_WHOLE ? 1 : Math.floor(total / 2);
      const filler = join(disk.path, 'filler');
      const fill = `fallocate -l $(df --output=avail -B1 '${disk.path}' | tail -1) '${filler}'; cat /dev/zero >> '${filler}'`;
      const outcomes: Record<string, number> = {};
      for (let at = 1 + (IS_WHOLE ? 0 : Math.floor(step / 2)); at <= total; at += step) {
        await change(phone.sim);
        const ran = await run(disk.path, { at: `any:${at}`, run: fill });
        outcomes[`${ran.exit}`] = (outcomes[`${ran.exit}`] ?? 0) + 1;
        if (ran.exit === 0) states.delete(disk.path);
        else {
          // Before the phone sends anything it asks how much room there is.
          const none = `✗ Not enough space: .*\\.\n {2}[\\d,]+ bytes are missing\\. ${LAST_GOOD}`;
          const full = `✗ The disk of the backup is full( while \\w+)?\\.\n {2}${LAST_GOOD}`;
          const later = `✗ The backup is whole, but .*\\(ENOSPC\\)\\.\n {2}${HALF_WAY}`;
          expectFailure(ran, new RegExp(`${none}|${full}|${later}`));
          await expectWhole(disk.path);
        }
        rmSync(filler, { force: true });
        await succeed(disk.path);
        await expectWhole(disk.path);
      }
      expect(outcomes['14']).toBeGreaterThan(0);
    });

    test('a phone that hangs up at it hides no reason', async () => {
      await using silent = await plugIn(home, { scenarios: ['paired', 'no-response'], files: 40, bytes: 700_000 });
      const root = join(disk.path, 'silent');
      const filler = join(disk.path, 'filler');
      const fill = `cat /dev/zero >> '${filler}'`;
      const ran = await silent.ibk(['backup', '-q', '-o', root], { during: { at: 'create:12', run: fill } });
      expectFailure(ran, /✗ The disk of the backup is full while \w+\./);
      rmSync(filler);
      rmSync(root, { recursive: true });
    });

    test('a version is forgotten, and what nobody needs taken away, on it', { timeout: 600_000 }, async () => {
      const own = join(disk.path, '.ibk', udid);
      const before = new BackupStore(disk.path, udid).versions().map(({ id }) => id);
      const oldest = before.at(-1) ?? '';
      const filler = join(disk.path, 'filler');
      // What a killed run leaves, by its place; as large as makes a difference.
      mkdirSync(join(own, 'incoming'), { recursive: true });
      const leftover = join(own, 'incoming', '0000000000000009');
      writeFileSync(leftover, Buffer.alloc(20_000));
      const fill = () => {
        execFileSync('sh', ['-c', `cat /dev/zero >> '${filler}' 2>/dev/null || :`]);
        expect(statfsSync(disk.path).bavail).toBe(0);
      };
      fill();
      expect(await phone.ibk(['prune', '--yes', '-o', disk.path])).toMatchObject({ exit: 0 });
      expect(existsSync(leftover)).toBe(false);
      rmSync(filler);
      await succeed(disk.path);
      fill();
      const ran = await phone.ibk(['forget', oldest, '--yes', '-o', disk.path]);
      expect(ran, ran.stderr).toMatchObject({ exit: 0 });
      const left = new BackupStore(disk.path, udid).versions().map(({ id }) => id);
      expect(left.slice(-before.length + 1)).toEqual(before.slice(0, -1));
      rmSync(filler);
      await expectWhole(disk.path);
      await succeed(disk.path);
    });

    test('the newest is forgotten on it, and the next where what is packed has room to come out', async () => {
      for (let made = 0; made < 3; made++) {
        await change(phone.sim);
        await succeed(disk.path);
      }
      const filler = join(disk.path, 'filler');
      const fill = (line: string) =>
        execFileSync('sh', ['-c', `cat /dev/zero >> filler || :; ${line}`], { cwd: disk.path, stdio: 'ignore' });
      const forget = () => phone.ibk(['forget', newest(disk.path).slice(-8), '--yes', '-o', disk.path]);
      const versions = () => new BackupStore(disk.path, udid).versions().map(({ id }) => id);
      const before = versions();
      fill('');
      expect(await forget()).toMatchObject({ exit: 0 });
      expect(versions()).toEqual(before.slice(1));
      // Room for the records, and not for a manifest.
      fill('rm -f .ibk/reserve; cat /dev/zero >> filler || :; truncate -s -49152 filler');
      expectFailure(await forget(), /✗ The disk of the backup is full\.\n {2}Nothing was changed\. .*needs some room/);
      for (const id of versions())
        expect(await new BackupStore(disk.path, udid).verify(id, { readData: true })).toMatchObject({ problems: [] });
      expect(versions()).toEqual(before.slice(1));
      rmSync(filler);
      expect(await forget()).toMatchObject({ exit: 0 });
      expect(versions()).toEqual(before.slice(2));
      await succeed(disk.path);
    });
  });

  describe('its own', () => {
    let disk: Disk;
    let root: string;
    beforeAll(async () => {
      // Where people mount disks; the root is the mount point itself.
      disk = mountDisk('ext4', mkdtempSync('/mnt/ibk-test-'));
      root = disk.path;
      await succeed(root);
    });
    afterAll(() => disk[Symbol.dispose]());

    const gone = (doing: string) => new RegExp(`✗ The disk of the backup is gone while ${doing}\\.\n {2}${LAST_GOOD}`);
    const halfWay = (errno: string) => new RegExp(`stopped half way \\(${errno}\\)\\.\n {2}${HALF_WAY}`);

    const cases: [name: string, at: string, line: string, says: RegExp][] = [
      ['pulled out in the commit', 'rename:9', 'umount -l', halfWay('ENODEV')],
      ['pulled out while files arrive', 'create:12', 'umount -l', gone('receiving')],
      ['pulled out before the commit is decided', 'fsync:2', 'umount -l', gone('saving')],
      [
        'that fails and turns read-only',
        'create:12',
        'mount -o remount,abort',
        /read-only while receiving\.\n {2}The last/,
      ],
    ];
    test.each(IS_WHOLE ? cases : cases.slice(0, 2))('%s', { timeout: 600_000 }, async (_name, at, line, says) => {
      await change(phone.sim);
      const ran = await run(root, { at, run: `${line} '${root}'` });
      const left = line.startsWith('umount') ? readdirSync(root) : [];
      disk.unmount();
      disk.mount();
      expectFailure(ran, says);
      expect(left).toEqual([]);
      await expectWhole(root);
      await succeed(root);
      await expectWhole(root);
    });

    const failures: [name: string, at: string][] = [
      ['while files arrive', 'create:12'],
      ['at an fsync before the commit', 'fsync:2'],
      ['in the commit', 'rename:9'],
    ];
    test.each(IS_WHOLE ? failures : failures.slice(1, 2))(
      'that fails with EIO %s',
      { timeout: 600_000 },
      async (_name, at) => {
        await change(phone.sim);
        const ran = await run(root, { at, run: disk.fail });
        disk.unmount();
        disk.heal();
        disk.mount();
        // Before the commit point nothing else is said; after it, what a failing disk took is unknown until the next run.
        const before = `✗ The disk of the backup has an error while (receiving|finishing|saving)\\.\n {2}${LAST_GOOD}`;
        expectFailure(
          ran,
          at.startsWith('rename') ? new RegExp(`${before}|${halfWay('(EIO|ENOMEM)').source}`) : new RegExp(before),
        );
        await expectWhole(root);
        await succeed(root);
        await expectWhole(root);
      },
    );

    test('not mounted: nothing is written in its place', async () => {
      disk.unmount();
      const ran = await run(root);
      expectFailure(ran, new RegExp(`^✗ Nothing is mounted at ${root}\\.\n {2}What is on the disk that belongs there`));
      expect(ran.stderr).not.toContain('no earlier backup');
      expect(readdirSync(root)).toEqual([]);
      disk.mount();
      await expectWhole(root);
    });

    test('a folder that takes nothing: what was decided is completed later', { timeout: 600_000 }, async () => {
      await change(phone.sim);
      const folder = join(root, udid);
      execFileSync('chattr', ['+i', folder]);
      const ran = await run(root);
      expectFailure(ran, new RegExp(`${halfWay('EPERM').source}|may not be written while saving\\.\n {2}${LAST_GOOD}`));
      await expectWhole(root);
      execFileSync('chattr', ['-i', folder]);
      await succeed(root);
    });

    test('mounted read-only', { timeout: 600_000 }, async () => {
      const view = mkdtempSync(join(home, 'view-'));
      execFileSync('mount', ['--bind', root, view]);
      try {
        execFileSync('mount', ['-o', 'remount,bind,ro', view]);
        expectFailure(await run(view), new RegExp(`✗ The disk of the backup is read-only\\.\n {2}${LAST_GOOD}`));
      } finally {
        execFileSync('umount', [view]);
      }
      await expectWhole(root);
    });

    test('of another user', async () => {
      const before = statSync(root).mtimeMs;
      const nobody = { uid: 65_534, env: { HOME: '/nonexistent' } };
      const ran = await phone.ibk(['backup', '-q', '-o', root], nobody);
      expectFailure(ran, /✗ The backup folder may not be written\.\n/);
      expect(ran.stderr).not.toContain('as it was');
      expect(statSync(root).mtimeMs).toBe(before);
      await expectWhole(root);
    });

    test('two at once: the second is told who the first is, and changes nothing', { timeout: 600_000 }, async () => {
      await change(phone.sim);
      const said = join(home, 'second');
      const second = `'${process.execPath}' '${IBK}' backup -q -o '${root}' 2>'${said}'; echo "exit $?" >>'${said}'`;
      const ran = await run(root, { at: 'create:12', run: `unset IBK_TEST_AT; ${second}` });
      expect(ran.exit, ran.stderr).toBe(0);
      expect(readFileSync(said, 'utf8')).toMatch(
        /^✗ Another ibk is writing to the backup of Sim iPhone\.\n {2}It runs on host \S+, process \d+, since \d\d:\d\d\. Nothing was changed\.\n→ Wait for it, then run the same line again\.\n {2}in_use · exit 11\nexit 11\n$/,
      );
      await succeed(root);
    });

    test('a lock whose process has ended, and whose number is now of another', async () => {
      const left = { ...ownHolder('ibk backup', Date.now()), started: '1' };
      writeFileSync(join(root, '.ibk', udid, 'holder.json'), JSON.stringify(left));
      await succeed(root);
      expect(readdirSync(join(root, '.ibk', udid))).not.toContain('holder.json');
    });
  });
});
