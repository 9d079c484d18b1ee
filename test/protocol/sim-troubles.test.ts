/** What can go wrong below the backup: every scenario of the connection, with the code and the words that come of it. */
import { expect, test } from 'vitest';
import { listDevices } from '../../src/operations/devices.js';
import { isForgotten, openSelected } from '../../src/operations/open-device.js';
import { pairDevice, validatePairing } from '../../src/operations/pair.js';
import { lockdownError } from '../../src/protocol/lockdown/errors.js';
import { SERVICE } from '../../src/protocol/services/names.js';
import { openAfc } from '../../src/protocol/services/afc.js';
import { openNotificationProxy } from '../../src/protocol/services/notification-proxy.js';
import { acquireSyncLock } from '../../src/protocol/services/sync-lock.js';
import { hastyClock, startBench } from '../support/sim-bench.js';

const ROOT = '/nonexistent';
const hasty = { clientClock: hastyClock() };

test('Trust refused', async () => {
  await using bench = await startBench({ ...hasty, scenarios: ['trust-refused'] });
  const pairing = pairDevice(bench.ctx, await bench.select());
  await expect(pairing).rejects.toMatchObject({
    code: 'not_paired',
    exit: 22,
    reason: 'user_denied_pairing',
    phase: 'pair',
  });
  await expect(pairing).rejects.toThrow('Trust was refused on the iPhone.');
});

test('Trust not answered in time', async () => {
  await using bench = await startBench({ ...hasty, scenarios: ['trust-manual'], timeouts: { passcodeMs: 5000 } });
  const pairing = pairDevice(bench.ctx, await bench.select());
  await expect(pairing).rejects.toMatchObject({ code: 'not_paired', exit: 22, reason: 'trust_timeout' });
  expect(bench.events.filter((event) => event.type === 'prompt')).toMatchObject([{ prompt: 'trust', state: 'shown' }]);
});

test('Trust pending for long, then accepted: success, and the same record each time', async () => {
  await using bench = await startBench({ ...hasty, scenarios: ['trust-pending=20'] });
  expect((await pairDevice(bench.ctx, await bench.select())).wasPaired).toBe(false);
  expect(bench.sim.violations).toEqual([]);
});

test('interrupted while the dialog is up', async () => {
  await using bench = await startBench({ ...hasty, scenarios: ['trust-manual'] });
  const selected = await bench.select();
  const pairing = pairDevice(
    { ...bench.ctx, onEvent: (event) => event.type === 'prompt' && bench.abort.abort() },
    selected,
  );
  await expect(pairing).rejects.toBeDefined();
  expect(bench.abort.signal.aborted).toBe(true);
});

test('a phone that has forgotten us is said to, and pair heals it', async () => {
  await using bench = await startBench({ ...hasty, paired: true, scenarios: ['revoked'] });
  const selected = await bench.select();
  const validating = validatePairing(bench.ctx, selected);
  await expect(validating).rejects.toMatchObject({ code: 'not_paired', exit: 22, reason: 'invalid_host_id' });
  await expect(openSelected(bench.ctx, selected, { pair: 'if_unknown' })).rejects.toSatisfy(isForgotten);
  expect((await listDevices(bench.ctx, { root: ROOT }))[0]).toMatchObject({ state: 'not_trusted' });
  expect((await pairDevice(bench.ctx, selected)).wasPaired).toBe(false);
  await validatePairing(bench.ctx, selected);
});

/** One of each exit status; the whole table is checked in test/unit. */
test.each([
  'PasswordProtected',
  'MCProtected',
  'MCChallengeRequired',
  'ServiceLimit',
  'InvalidService',
  'InvalidResponse',
])('Pair answering %s', async (name) => {
  const expected = lockdownError(name, { request: 'Pair', noun: 'iPhone' });
  await using pairing = await startBench({ ...hasty, scenarios: [`pair-error=${name}`] });
  await expect(pairDevice(pairing.ctx, await pairing.select())).rejects.toMatchObject({
    code: expected.code,
    exit: expected.exit,
  });
});

test.each(['MissingActivationRecord', 'InvalidHostID'])('StartSession answering %s', async (name) => {
  const expected = lockdownError(name, { request: 'StartSession' });
  await using bench = await startBench({ ...hasty, paired: true, scenarios: [`session-error=${name}`] });
  const selected = await bench.select();
  await expect(openSelected(bench.ctx, selected, { pair: 'never' })).rejects.toMatchObject({
    code: expected.code,
  });
});

test.each([
  ['ServiceProhibited', 28],
  ['InvalidService', 15],
  ['ServiceLimit', 27],
  ['PasswordProtected', 23],
  ['EscrowLocked', 23],
  ['MissingValue', 23],
])('a service that answers %s', async (name, exit) => {
  await using bench = await startBench({ ...hasty, paired: true, scenarios: [`service-error=${name}:${SERVICE.afc}`] });
  await using held = await openSelected(bench.ctx, await bench.select(), { pair: 'never' });
  await expect(held.device.startService(SERVICE.afc)).rejects.toMatchObject({ exit });
});

test('locked: services need the escrow bag, and pairing is refused', async () => {
  await using bench = await startBench({ ...hasty, scenarios: ['locked'] });
  const selected = await bench.select();
  await expect(pairDevice(bench.ctx, selected)).rejects.toMatchObject({ code: 'device_locked', exit: 23 });
  const phone = bench.sim.phones[0]!;
  phone.lock = 'unlocked';
  await pairDevice(bench.ctx, selected);
  phone.lock = 'locked';
  await using held = await openSelected(bench.ctx, selected, { pair: 'never' });
  (await held.device.startService(SERVICE.mobileBackup2, { escrowBag: true })).close();
  expect((await listDevices(bench.ctx, { root: ROOT }))[0]).toMatchObject({ state: 'ready' });
  phone.lock = 'not-unlocked';
  await expect(held.device.startService(SERVICE.mobileBackup2, { escrowBag: true })).rejects.toMatchObject({
    code: 'device_locked',
    reason: 'not_unlocked_since_start',
  });
  expect((await listDevices(bench.ctx, { root: ROOT }))[0]).toMatchObject({ state: 'locked', trusted: true });
});

test.each(['17', '9'] as const)('iOS %s: TLS refused at every attempt', async (ios) => {
  await using bench = await startBench({ ...hasty, paired: true, ios: [ios], scenarios: ['tls-refused'] });
  const opening = openSelected(bench.ctx, await bench.select(), { pair: 'never' });
  await expect(opening).rejects.toMatchObject({ code: 'not_paired', reason: 'tls_closed' });
});

test('TLS answered with an alert', async () => {
  await using bench = await startBench({ ...hasty, paired: true, scenarios: ['tls-alert'] });
  const opening = openSelected(bench.ctx, await bench.select(), { pair: 'never' });
  await expect(opening).rejects.toMatchObject({ code: 'device_error', reason: 'tls' });
});

test.each([
  ['9', ['tls-version=1.2']],
  ['9', ['tls-intolerant']],
  ['12', ['tls-version=1.0']],
  ['12', ['tls-intolerant']],
  ['26', ['tls-version=1.3']],
  ['17', ['tls-version=1.2']],
  ['9', ['product-version=6.1.6']],
  ['9', ['product-version=5.1.1', 'tls-intolerant']],
] as const)('iOS %s with %s: a session, and a service', async (ios, scenarios) => {
  await using bench = await startBench({ ...hasty, paired: true, ios: [ios], scenarios });
  const selected = await bench.select();
  await using held = await openSelected(bench.ctx, selected, { pair: 'never' });
  const afc = await openAfc(held.device, bench.ctx);
  expect(await afc.info('/no/such')).toBeUndefined();
  afc.close();
  const claimed = /product-version=(\d)/.exec(scenarios[0])?.[1];
  expect(bench.sim.phones[0]?.stats.lockdown.ValidatePair ?? 0).toBe(claimed === undefined ? 0 : 1);
});

test('without an escrow bag the service is started all the same, with a warning', async () => {
  await using bench = await startBench({ ...hasty, scenarios: ['no-escrow-bag'] });
  await using held = await openSelected(bench.ctx, await bench.select(), { pair: 'if_unknown' });
  for (const _ of [1, 2]) (await held.device.startService(SERVICE.mobileBackup2, { escrowBag: true })).close();
  expect(bench.events.filter((event) => event.type === 'warning')).toMatchObject([{ reason: 'no_escrow_bag' }]);
});

test('one byte at a time, joined with what follows, and with characters that XML forbids', async () => {
  for (const scenario of ['one-byte-chunks', 'coalesced', 'control-characters']) {
    await using bench = await startBench({ ...hasty, paired: true, scenarios: [scenario] });
    await using held = await openSelected(bench.ctx, await bench.select(), { pair: 'never' });
    const afc = await openAfc(held.device, bench.ctx);
    expect(await afc.info('/no/such')).toBeUndefined();
    afc.close();
  }
});

test('lockdownd hangs up when idle: the next use opens a session again', async () => {
  await using bench = await startBench({ ...hasty, paired: true, scenarios: ['idle-drop=0.05'] });
  await using held = await openSelected(bench.ctx, await bench.select(), { pair: 'never' });
  await bench.ctx.clock.sleep(15_000);
  expect(await held.device.getValue(undefined, 'ProductVersion')).toMatch(/^17/);
  expect(bench.sim.phones[0]?.stats.lockdown.StartSession).toBeGreaterThan(1);
});

test('over Wi-Fi the first pairing is refused, and a paired phone works', async () => {
  await using bench = await startBench({ ...hasty, scenarios: ['network'] });
  const selected = await bench.select();
  expect(selected.links).toEqual(['network']);
  await expect(pairDevice(bench.ctx, selected)).rejects.toMatchObject({
    code: 'not_paired',
    message: 'The first pairing needs the cable.',
  });
});

test('cable and network: one device, two links, the cable is taken', async () => {
  await using bench = await startBench({ ...hasty, paired: true, scenarios: ['usb-and-network'] });
  const selected = await bench.select();
  expect(selected).toMatchObject({ links: ['usb', 'network'], entry: { link: 'usb' } });
  const over = (await listDevices(bench.ctx, { root: ROOT, link: 'network' }))[0];
  expect(over).toMatchObject({ state: 'ready', links: ['usb', 'network'] });
});

test('the muxer refuses to connect', async () => {
  await using bench = await startBench({ ...hasty, scenarios: ['connect-refused'] });
  const selected = await bench.select();
  expect(selected.name).toMatch(/^iPhone 0000/);
  await expect(pairDevice(bench.ctx, selected)).rejects.toMatchObject({ code: 'device_error', reason: 'refused' });
  expect((await listDevices(bench.ctx, { root: ROOT }))[0]).toMatchObject({ state: 'not_trusted' });
});

test.each(['connect', 'pair', 'session', 'service'])('the cable comes out at the first %s', async (when) => {
  await using bench = await startBench({ ...hasty, scenarios: [`detach=${when}`] });
  const run = async () => {
    await using held = await openSelected(bench.ctx, await bench.select(), { pair: 'if_unknown' });
    await held.device.startService(SERVICE.afc);
  };
  await expect(run()).rejects.toMatchObject(
    when === 'connect' ? { exit: expect.any(Number) } : { code: 'connection_lost', exit: 24 },
  );
});

test('a cable that comes out is noticed while nothing is being read', async () => {
  await using bench = await startBench({ ...hasty, paired: true });
  await using held = await openSelected(bench.ctx, await bench.select(), { pair: 'never' });
  const connection = await held.device.startService(SERVICE.notificationProxy);
  const lost = new Promise((resolve) => connection.closed.addEventListener('abort', resolve));
  const gone = new Promise((resolve) => held.gone.addEventListener('abort', resolve));
  bench.sim.phones[0]?.unplug();
  await Promise.all([lost, gone]);
  expect(held.gone.reason).toMatchObject({
    code: 'connection_lost',
    reason: 'detached',
    message: 'The cable came out.',
  });
});

test('the sync lock is waited for, and given back whatever happens', async () => {
  await using bench = await startBench({ ...hasty, paired: true, scenarios: ['afc-busy=5'] });
  await using held = await openSelected(bench.ctx, await bench.select(), { pair: 'never' });
  const [afc, proxy] = await Promise.all([
    openAfc(held.device, bench.ctx),
    openNotificationProxy(held.device, bench.ctx),
  ]);
  const lock = await acquireSyncLock({ afc, proxy, ctx: bench.ctx });
  bench.abort.abort();
  await lock[Symbol.asyncDispose]();
  await proxy.shutdown();
  expect(bench.sim.phones[0]?.notifications.posts).toEqual([
    'com.apple.itunes-mobdev.syncWillStart',
    'com.apple.itunes-mobdev.syncLockRequest',
    'com.apple.itunes-mobdev.syncDidStart',
    'com.apple.itunes-mobdev.syncDidFinish',
  ]);
  afc.close();
});

test.each([
  ['afc-busy=60', 'device_busy'],
  ['afc-lock-error=10', 'device_error'],
])('%s: no lock, and syncDidFinish all the same', async (scenario, code) => {
  await using bench = await startBench({ ...hasty, paired: true, scenarios: [scenario] });
  await using held = await openSelected(bench.ctx, await bench.select(), { pair: 'never' });
  const [afc, proxy] = await Promise.all([
    openAfc(held.device, bench.ctx),
    openNotificationProxy(held.device, bench.ctx),
  ]);
  await expect(acquireSyncLock({ afc, proxy, ctx: bench.ctx })).rejects.toMatchObject({ code });
  await proxy.shutdown();
  expect(bench.sim.phones[0]?.notifications.posts.at(-1)).toBe('com.apple.itunes-mobdev.syncDidFinish');
  afc.close();
});

test('a proxy that never says goodbye holds nobody up', async () => {
  await using bench = await startBench({ ...hasty, paired: true, scenarios: ['no-proxy-death'] });
  await using held = await openSelected(bench.ctx, await bench.select(), { pair: 'never' });
  const proxy = await openNotificationProxy(held.device, bench.ctx);
  await proxy.shutdown();
  expect(proxy.closed.aborted).toBe(true);
});

test('notifications arrive while another wait runs, and end with the signal', async () => {
  await using bench = await startBench({ ...hasty, paired: true });
  await using held = await openSelected(bench.ctx, await bench.select(), { pair: 'never' });
  const proxy = await openNotificationProxy(held.device, bench.ctx);
  await proxy.observe(['com.apple.itunes-client.syncCancelRequest']);
  await proxy.post('com.apple.itunes-mobdev.syncWillStart');
  const stop = new AbortController();
  const names = proxy.notifications(stop.signal);
  const first = names.next();
  while (bench.sim.phones[0]?.notifications.posts.length !== 1) await new Promise((resolve) => setImmediate(resolve));
  bench.sim.phones[0]?.notifications.notify('com.apple.itunes-client.syncCancelRequest');
  expect((await first).value).toBe('com.apple.itunes-client.syncCancelRequest');
  const second = names.next();
  stop.abort();
  await expect(second).rejects.toMatchObject({ code: 'interrupted' });
  await proxy.shutdown();
});

test('over TCP instead of a Unix socket', async () => {
  await using bench = await startBench({ ...hasty, paired: true, listen: '127.0.0.1:0' });
  expect(bench.sim.listen).toMatch(/^127\.0\.0\.1:\d+$/);
  expect((await listDevices(bench.ctx, { root: ROOT }))[0]).toMatchObject({ state: 'ready' });
});
