/** Choosing devices, waiting for them, listing them, and doctor: several simulated phones at once. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deviceInfo } from '../../src/operations/device-info.js';
import { listDevices, watchDevices } from '../../src/operations/devices.js';
import { doctor } from '../../src/operations/doctor.js';
import { pairDevice } from '../../src/operations/pair.js';
import { selectDevices } from '../../src/operations/select-device.js';
import { buildXmlPlist } from '../../src/plist/codec.js';
import { plistDict } from '../../src/plist/value.js';
import { startSimulator } from '../../src/sim/index.js';
import type { LockState } from '../../src/sim/phone/phone.js';
import { type Bench, contextFor, hastyClock, startBench } from '../support/sim-bench.js';

let root: string;
let bench: Bench;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ibk-select-'));
  bench = await startBench({ ios: ['17', '26', '9'], clientClock: hastyClock() });
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

const select = (...udids: string[]) => selectDevices(bench.ctx, { udids, link: 'any', command: 'ibk backup' });
const phones = () => bench.sim.phones.map((phone) => ({ udid: phone.udid, name: phone.identity.name }));

test('a UDID in any spelling, its unique beginning, the name in any case, all; each device once', async () => {
  const [first, second, old] = phones();
  const udid = first?.udid ?? '';
  for (const typed of [
    udid,
    udid.toLowerCase(),
    udid.replace('-', ''),
    udid.slice(0, -1),
    udid.slice(0, -1).replace('-', '').toLowerCase(),
  ])
    expect((await select(typed)).map((device) => device.udid)).toEqual([udid]);
  expect((await select(old?.udid.toUpperCase() ?? ''))[0]?.udid).toBe(old?.udid);
  expect((await select(old?.udid.slice(0, 7) ?? ''))[0]?.udid).toBe(old?.udid);
  expect((await select(second?.name.toUpperCase() ?? ''))[0]?.udid).toBe(second?.udid);
  expect((await select('all')).map((device) => device.udid)).toEqual(phones().map((phone) => phone.udid));
  await expect(select('all', 'Nobody')).rejects.toMatchObject({ code: 'no_device', exit: 20 });
  expect(await select(udid, first?.name ?? '', udid)).toHaveLength(1);
});

test('several and none chosen, or a beginning that fits several', async () => {
  const names = phones().map(({ name }) => name);
  const choosing = select();
  await expect(choosing).rejects.toMatchObject({
    code: 'ambiguous_device',
    exit: 21,
    message: `3 devices are connected and none was chosen: ${names.join(', ')}.`,
    hint: `ibk backup -u "${names[0]}", or -u all`,
  });
  await expect(select('0000')).rejects.toMatchObject({ code: 'ambiguous_device' });
  await expect(select('Nobody')).rejects.toMatchObject({ code: 'no_device', exit: 20 });
  await expect(selectDevices(bench.ctx, { udids: ['all'], link: 'network' })).rejects.toMatchObject({
    code: 'no_device',
  });
});

test('no device, at once or after waiting', async () => {
  await using empty = await startBench({ clientClock: hastyClock() });
  empty.sim.phones[0]?.unplug();
  const choose = (waitMs: number) => selectDevices(empty.ctx, { udids: [], link: 'any', waitMs });
  await expect(choose(0)).rejects.toMatchObject({ code: 'no_device', exit: 20 });
  await expect(choose(10_000)).rejects.toMatchObject({ code: 'no_device', exit: 20 });
  expect(await listDevices(empty.ctx, { root })).toEqual([]);
  const waiting = choose(600_000);
  empty.sim.phones[0]?.plug();
  expect(await waiting).toHaveLength(1);
});

test('a muxer that is not there yet is waited for: on Linux it starts with the first device', async () => {
  const listen = `UNIX:${join(root, 'later.sock')}`;
  const { ctx, abort } = contextFor(listen, { clientClock: hastyClock() });
  await expect(selectDevices(ctx, { udids: [], link: 'any' })).rejects.toMatchObject({ code: 'usbmuxd' });
  const inVain = selectDevices(ctx, { udids: [], link: 'any', waitMs: 3000 });
  await expect(inVain).rejects.toMatchObject({ code: 'usbmuxd', reason: 'unreachable' });
  const waiting = selectDevices(ctx, { udids: [], link: 'any', waitMs: 3_600_000 });
  await using later = await startSimulator({ listen, files: 1, bytes: 1 });
  expect((await waiting)[0]?.udid).toBe(later.phones[0]?.udid);
  later.phones[0]?.unplug();
  const again = selectDevices(ctx, { udids: [], link: 'any', waitMs: 3_600_000 });
  abort.abort();
  await expect(again).rejects.toMatchObject({ code: 'interrupted' });
});

test('the list: states, and names of phones that tell none from their last backup', async () => {
  const [first, second, old] = phones();
  await pairDevice(bench.ctx, (await select(first?.udid ?? ''))[0]!);
  await mkdir(join(root, second?.udid ?? ''));
  await writeFile(
    join(root, second?.udid ?? '', 'Info.plist'),
    buildXmlPlist(plistDict({ 'Device Name': 'From the backup' })),
  );
  const madeAt = new Date('2026-11-21T07:06:00Z');
  await mkdir(join(root, old?.udid ?? ''));
  await writeFile(
    join(root, old?.udid ?? '', 'Status.plist'),
    buildXmlPlist(plistDict({ SnapshotState: 'finished', Date: madeAt })),
  );
  await writeFile(join(root, old?.udid ?? '', 'Manifest.plist'), buildXmlPlist(plistDict({ Version: '9.1' })));
  const listed = await listDevices(bench.ctx, { root });
  expect(listed.map(({ state, trusted, lastBackup }) => ({ state, trusted, lastBackup }))).toEqual([
    { state: 'ready', trusted: true, lastBackup: { kind: 'none' } },
    { state: 'not_trusted', trusted: false, lastBackup: { kind: 'incomplete', madeAt: null } },
    { state: 'not_trusted', trusted: false, lastBackup: { kind: 'complete', madeAt } },
  ]);
  expect(listed[0]).toMatchObject({ name: first?.name, model: expect.stringMatching(/^iPhone/), links: ['usb'] });
  const info = await deviceInfo(bench.ctx, (await select(first?.udid ?? ''))[0]!, { root });
  expect(info).toMatchObject({ trusted: true, backupsEncrypted: false, passcodeSet: true, locked: false });
  expect(info.serial).toMatch(/^[A-Z0-9]{10,12}$/);
  expect(info.storageBytes).toBeGreaterThan(info.freeBytes ?? Number.POSITIVE_INFINITY);
  const lockedNow = async (lock: LockState) => {
    const [phone] = bench.sim.phones;
    if (phone !== undefined) phone.lock = lock;
    return (await deviceInfo(bench.ctx, (await select(first?.udid ?? ''))[0]!, { root })).locked;
  };
  expect(await lockedNow('locked'), 'a dark screen is no hindrance').toBe(false);
  expect(await lockedNow('not-unlocked')).toBe(true);
  expect(await lockedNow('unlocked')).toBe(false);
});

test('watching: those there first, then as they come and go', async () => {
  await using one = await startBench({ clientClock: hastyClock() });
  const changes = watchDevices(one.ctx, { root });
  const phone = one.sim.phones[0]!;
  expect((await changes.next()).value).toMatchObject({ change: 'attached', link: 'usb', device: { udid: phone.udid } });
  phone.unplug();
  expect((await changes.next()).value).toMatchObject({ change: 'detached', device: { udid: phone.udid } });
  phone.plug();
  expect((await changes.next()).value).toMatchObject({ change: 'attached' });
  const next = changes.next();
  one.abort.abort();
  await expect(next).rejects.toMatchObject({ code: 'interrupted' });
});

test('doctor: in the order of repair; what depends on a failed check is skipped', async () => {
  await using one = await startBench({ clientClock: hastyClock() });
  const options = { udids: [], link: 'any', root: join(root, 'new'), configProblems: [] } as const;
  const states = async (changes: object = {}) => {
    const report = await doctor(one.ctx, { ...options, ...changes });
    return {
      code: report.code,
      exit: report.exit,
      checks: report.checks.map(({ check, state }) => `${check} ${state}`),
    };
  };
  expect(await states()).toEqual({
    code: 'not_paired',
    exit: 22,
    checks: [
      'usbmuxd ok',
      'device ok',
      'trust fail',
      'unlocked skipped',
      'root ok',
      'space ok',
      'encrypted skipped',
      'last_backup warn',
    ],
  });
  await pairDevice(one.ctx, await one.select());
  expect(await states()).toMatchObject({ code: 'ok', exit: 0 });
  one.sim.phones[0]!.lock = 'not-unlocked';
  expect(await states()).toMatchObject({ code: 'device_locked', exit: 23 });
  one.sim.phones[0]!.lock = 'unlocked';
  expect(await states({ root: '/proc/nowhere' })).toMatchObject({ code: 'destination', exit: 14 });
  expect(
    await states({ configProblems: [{ message: 'line 7: unknown "keep-dayly"', hint: 'keep-daily' }] }),
  ).toMatchObject({ code: 'usage', exit: 2 });
  one.sim.phones[0]?.unplug();
  expect(await states()).toMatchObject({
    code: 'no_device',
    checks: [
      'usbmuxd ok',
      'device fail',
      'trust skipped',
      'unlocked skipped',
      'root ok',
      'space ok',
      'encrypted skipped',
      'last_backup skipped',
    ],
  });
  const nobody = contextFor(`UNIX:${root}/none.sock`).ctx;
  const report = await doctor(nobody, options);
  expect(report).toMatchObject({ code: 'usbmuxd', exit: 29 });
  expect(report.checks.map(({ state }) => state).slice(0, 4)).toEqual(['fail', 'skipped', 'skipped', 'skipped']);
});
