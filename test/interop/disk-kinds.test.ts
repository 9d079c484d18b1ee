/** One cycle on every kind of disk: full, changed, killed in the commit, recovered, continued by idevicebackup2, mounted again, adopted, verified. IBK_TEST_ALL=1: on each. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupStore } from '../../src/backup/store.js';
import { runAgainst } from '../support/debian-phone.js';
import { DISK_KINDS, type Disk, type DiskKind, mountDisk, whyNoDisk } from '../support/disks.js';
import { type Phone, plugIn } from '../support/phone.js';
import { change, type PhoneState, readBack, stateOf } from '../support/phone-history.js';
import { type During, KILL, tempHome } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';
import { describeWithTools } from '../support/tools.js';
import { IS_WHOLE } from '../support/phone-kinds.js';

/** With links and modes, and with neither. */
const QUICK: readonly DiskKind[] = ['ext4', 'exfat'];
const home = tempHome();
let phone: Phone;
beforeAll(async () => {
  phone = await plugIn(home, { scenarios: ['paired'], ios: ['15'], files: 40, bytes: 400_000 });
});
afterAll(async () => {
  await phone[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

describeWithTools('a cycle of backups', ['idevicebackup2'], () => {
  const kinds = IS_WHOLE ? DISK_KINDS : QUICK;
  // FUSE is slow where many tests share a machine.
  test.for(kinds)('on %s', { timeout: 600_000 }, async (kind, { skip }) => {
    const reason = whyNoDisk(kind);
    if (reason !== undefined) skip(reason);
    using disk = mountDisk(kind);
    await cycle(disk);
  });
});

async function cycle(disk: Disk): Promise<void> {
  const root = join(disk.path, 'root');
  const udid = phone.sim.phones[0]?.udid ?? '';
  const states = new Map<string, PhoneState>();
  const versions = () => new BackupStore(root, udid).versions();
  const backup = async (during?: During) => {
    const state = await stateOf(phone.sim);
    // Neither one that takes every right away nor one that gives all of them may show.
    const umask = states.size % 2 === 0 ? '000' : '777';
    const ran = await phone.ibk(['backup', '-o', root], { umask, ...(during && { during }) });
    if (ran.exit === 0) states.set(versions()[0]?.id ?? '', state);
    return ran;
  };
  const readAll = () => Promise.all([...states].map(([id, state]) => readBack(root, udid, id, state)));
  const expectAllRight = async () => {
    for (const back of await readAll()) expect(back).toMatchObject({ lost: [], wrong: [] });
  };

  const first = await backup();
  expect(first.exit, first.stderr).toBe(0);
  expect(first.stderr.includes('keeps no permissions')).toBe(disk.isOpenToAll);
  if (disk.hasModes) expect(openBelow(root)).toEqual([]);

  await change(phone.sim);
  // In the window of the commit, with some of the old files gone out and none of the new ones in.
  expect((await backup({ at: 'rename:5', run: KILL })).exit).toBeUndefined();
  expect(readdirSync(join(root, udid))).not.toContain('Status.plist');
  await expectAllRight();
  const recovered = await backup();
  expect(recovered).toMatchObject({ exit: 0, stderr: expect.not.stringContaining('keeps no permissions') });
  await expectAllRight();
  if (disk.hasModes) expect(openBelow(root)).toEqual([]);

  if (disk.isImage) disk.remount();
  expect(new BackupStore(root, udid).history()).toMatchObject({ folder: 'as_left', pending: null });
  await change(phone.sim);
  const other = await runAgainst(phone.sim.listen, 'idevicebackup2', 'backup', root);
  expect(other.exit, other.text).toBe(0);
  // It went on from the backup of ibk: a few files came, not all.
  expect(Number(/Received (\d+) files/.exec(other.text)?.[1])).toBeLessThan(20);
  const otherState = await stateOf(phone.sim);
  await change(phone.sim);
  expect((await backup()).exit).toBe(0);
  states.set(versions()[1]?.id ?? '', otherState);
  for (const { wrong } of await readAll()) expect(wrong).toEqual([]);
  expect(versions().map(({ origin }) => origin)).toEqual(['ibk', 'foreign', 'ibk', 'ibk', 'ibk']);
  for (const [at, { id }] of versions().entries()) {
    if (!states.has(id)) continue;
    expect((await readBack(root, udid, id, states.get(id) ?? new Map())).lost.length > 0).toBe(at > 1);
  }
  const verified = await phone.ibk(['verify', '--read-data', '--json', '-o', root]);
  expect(expectValidLines(verified.stdout)[0]).toMatchObject({ code: 'ok', problems: [] });
  expect(
    readdirSync(join(root, '.ibk', udid))
      .map((name) => name.replace(/\d+$/, 'N'))
      .sort(),
  ).toEqual(['catalog.db', 'head.N', 'lock', 'shadow', 'versions']);
}

/** What another user could look into: folders that are not 0700, files that are not 0600. */
function openBelow(folder: string): string[] {
  const open = (path: string, mode: number) => ((statSync(path).mode & 0o777) === mode ? [] : [path]);
  return [
    ...open(folder, 0o700),
    ...readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
      open(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600),
    ),
  ];
}
