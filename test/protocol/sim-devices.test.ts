/** Pairing, sessions and services against simulated phones of every generation. */
import { expect, test } from 'vitest';
import { deviceInfo } from '../../src/operations/device-info.js';
import { listDevices } from '../../src/operations/devices.js';
import { openSelected } from '../../src/operations/open-device.js';
import { pairDevice, unpairDevice, validatePairing } from '../../src/operations/pair.js';
import { openAfc } from '../../src/protocol/services/afc.js';
import { isPasscodeSet } from '../../src/protocol/services/diagnostics-relay.js';
import { listUserApps } from '../../src/protocol/services/installation-proxy.js';
import { openNotificationProxy } from '../../src/protocol/services/notification-proxy.js';
import { openSpringboard } from '../../src/protocol/services/springboard.js';
import { acquireSyncLock } from '../../src/protocol/services/sync-lock.js';
import { hastyClock, startBench } from '../support/sim-bench.js';

const ROOT = '/nonexistent';

test.each(['9', '12', '15', '17', '26'] as const)(
  'iOS %s: pair, session, facts, every service, unpair',
  async (ios) => {
    await using bench = await startBench({ ios: [ios], clientClock: hastyClock() });
    const { ctx, sim } = bench;
    const selected = await bench.select();
    await expect(validatePairing(ctx, selected)).rejects.toMatchObject({
      code: 'not_paired',
      reason: 'no_pair_record',
    });
    expect((await listDevices(ctx, { root: ROOT }))[0]).toMatchObject({ state: 'not_trusted', trusted: false });
    const paired = await pairDevice(ctx, selected);
    expect(paired.wasPaired).toBe(false);
    expect(paired.facts.ios.split('.')[0]).toBe(ios);
    expect(bench.events.map((event) => event.type)).toEqual(['phase', 'prompt', 'prompt']);
    expect((await pairDevice(ctx, selected)).wasPaired).toBe(true);
    expect((await listDevices(ctx, { root: ROOT }))[0]).toMatchObject({
      state: 'ready',
      trusted: true,
      udid: selected.udid,
    });

    await using held = await openSelected(ctx, selected, { pair: 'never' });
    const { device } = held;
    const [proxy, afc, apps, passcode] = await Promise.all([
      openNotificationProxy(device, ctx),
      openAfc(device, ctx),
      listUserApps(device, ctx),
      isPasscodeSet(device, ctx),
    ]);
    expect(apps.length).toBeGreaterThan(0);
    expect(passcode).toBe(true);
    const springboard = await openSpringboard(device, ctx);
    expect((await springboard.icon(apps[0]?.bundleId ?? ''))?.subarray(1, 4).toString()).toBe('PNG');
    springboard.close();
    {
      await using _lock = await acquireSyncLock({ afc, proxy, ctx });
      await expect(afc.readFile('/no/such/file')).resolves.toBeUndefined();
      const itunes = await afc.readFile('/iTunes_Control/iTunes/iTunesPrefs');
      expect(itunes === undefined || itunes.length > 0).toBe(true);
    }
    afc.close();
    await proxy.shutdown();
    expect(await deviceInfo(ctx, selected, { root: ROOT })).toMatchObject({
      trusted: true,
      passcodeSet: true,
      backupsEncrypted: false,
    });
    await device.release();
    expect(await unpairDevice(ctx, selected)).toMatchObject({ onDevice: true, onComputer: true });
    expect(await unpairDevice(ctx, selected)).toMatchObject({ onDevice: false, onComputer: false });
    expect(sim.violations).toEqual([]);
  },
);
