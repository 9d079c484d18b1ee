/** The helper services of the simulated iPhone, spoken to with hand-made bytes. */
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../src/sim/index.js';
import type { SimulatedPhone } from '../../src/sim/phone/phone.js';
import { serveAfc } from '../../src/sim/services/afc.js';
import { serveDiagnosticsRelay } from '../../src/sim/services/diagnostics-relay.js';
import { serveInstallationProxy } from '../../src/sim/services/installation-proxy.js';
import { serveNotificationProxy } from '../../src/sim/services/notification-proxy.js';
import type { ServiceHandler } from '../../src/sim/services/service.js';
import { serveSpringboard } from '../../src/sim/services/springboard.js';
import { socketPair, take } from '../support/socket-pair.js';

let sim: Simulator;
const open: Socket[] = [];

beforeEach(async () => {
  sim = await startSimulator({ files: 2, bytes: 100, scenarios: ['afc-busy=2', 'many-apps=40'] });
});
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await sim.close();
});

function phone(): SimulatedPhone {
  const [only] = sim.phones;
  if (only === undefined) throw new Error('no phone');
  return only;
}

async function serve(handler: ServiceHandler): Promise<Socket> {
  const [near, far] = await socketPair();
  open.push(near, far);
  void handler(far, phone()).finally(() => far.end());
  return near;
}

function sendPlist(socket: Socket, dict: string): void {
  const body = Buffer.from(`<plist version="1.0"><dict>${dict}</dict></plist>`);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  socket.write(Buffer.concat([head, body]));
}

async function takePlist(socket: Socket): Promise<string> {
  const head = await take(socket, 4);
  return (await take(socket, head.readUInt32BE(0))).toString('utf8').replace(/\n\t*/g, '');
}

const pair = (key: string, value: string) => `<key>${key}</key><string>${value}</string>`;

test('notification_proxy relays what is observed, records posts, and dies on Shutdown', async () => {
  const socket = await serve(serveNotificationProxy);
  sendPlist(socket, pair('Command', 'ObserveNotification') + pair('Name', 'a.name'));
  sendPlist(socket, pair('Command', 'PostNotification') + pair('Name', 'not.observed'));
  sendPlist(socket, pair('Command', 'PostNotification') + pair('Name', 'a.name'));
  expect(await takePlist(socket)).toContain(
    '<key>Command</key><string>RelayNotification</string><key>Name</key><string>a.name</string>',
  );
  phone().notifications.notify('a.name');
  expect(await takePlist(socket)).toContain('a.name');
  sendPlist(socket, pair('Command', 'Shutdown'));
  expect(await takePlist(socket)).toContain('<key>Command</key><string>ProxyDeath</string>');
  await expect(take(socket, 1)).rejects.toThrow('ended');
  expect(phone().notifications.posts).toEqual(['not.observed', 'a.name']);
  expect(phone().notifications.observed('a.name')).toBe(false);
  expect(phone().violations).toEqual([]);
});

test('notification_proxy records an unknown command', async () => {
  const socket = await serve(serveNotificationProxy);
  sendPlist(socket, pair('Command', 'Dance') + pair('Name', 'x'));
  sendPlist(socket, pair('Command', 'Shutdown'));
  await takePlist(socket);
  expect(phone().violations).toEqual(['notification_proxy: unknown Command Dance']);
});

test('installation_proxy browses user apps in several answers', async () => {
  const socket = await serve(serveInstallationProxy);
  sendPlist(
    socket,
    `${pair('Command', 'Browse')}<key>ClientOptions</key><dict>${pair('ApplicationType', 'User')}<key>ReturnAttributes</key>` +
      '<array><string>CFBundleIdentifier</string><string>ApplicationSINF</string><string>iTunesMetadata</string></array></dict>',
  );
  let text = '';
  let answers = 0;
  do {
    text += await takePlist(socket);
    answers += 1;
  } while (!text.includes('<string>Complete</string>'));
  expect(answers).toBeGreaterThan(2);
  expect(text.match(/<key>CFBundleIdentifier<\/key>/g)?.length).toBeGreaterThan(40);
  expect(text).toContain('com.example.app0040');
  expect(text).not.toContain('com.apple.Preferences');
  expect(text).not.toContain('CFBundleDisplayName');
  expect(text).toContain('<key>ApplicationSINF</key><data>');
});

test('springboard gives icons of installed apps only', async () => {
  const socket = await serve(serveSpringboard);
  sendPlist(socket, pair('command', 'getIconPNGData') + pair('bundleId', 'com.example.notes'));
  expect(await takePlist(socket)).toContain('<key>pngData</key><data>iVBORw0KGgo');
  sendPlist(socket, pair('command', 'getIconPNGData') + pair('bundleId', 'com.example.nothing'));
  expect(await takePlist(socket)).toContain('<key>Error</key>');
});

test('diagnostics_relay knows whether a passcode is set', async () => {
  const socket = await serve(serveDiagnosticsRelay);
  sendPlist(
    socket,
    `${pair('Request', 'MobileGestalt')}<key>MobileGestaltKeys</key><array><string>PasswordConfigured</string></array>`,
  );
  expect(await takePlist(socket)).toContain('<key>PasswordConfigured</key><true/>');
  sendPlist(socket, pair('Request', 'Goodbye'));
  expect(await takePlist(socket)).toContain('<string>Success</string>');
  await expect(take(socket, 1)).rejects.toThrow('ended');
});

const u64 = (...values: number[]) => {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [i, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), i * 8);
  return bytes;
};

/** Sends one AFC packet and returns operation and body of the answer. */
async function afc(socket: Socket, packet: number, op: number, parameters: Buffer, payload = Buffer.alloc(0)) {
  const without = 40 + parameters.length;
  socket.write(
    Buffer.concat([Buffer.from('CFA6LPAA'), u64(without + payload.length, without, packet, op), parameters, payload]),
  );
  const head = await take(socket, 40);
  expect(head.toString('latin1', 0, 8)).toBe('CFA6LPAA');
  expect(head.readBigUInt64LE(24)).toBe(BigInt(packet));
  const length = Number(head.readBigUInt64LE(8)) - 40;
  const body = length === 0 ? Buffer.alloc(0) : await take(socket, length);
  return {
    op: Number(head.readBigUInt64LE(32)),
    body,
    code: body.length === 8 ? Number(body.readBigUInt64LE(0)) : undefined,
  };
}

const path = (text: string) => Buffer.from(`${text}\0`);

test('AFC: the sync lock is taken after it was busy, and given back with the connection', async () => {
  const first = await serve(serveAfc);
  const second = await serve(serveAfc);
  const opened = await afc(first, 1, 0x0d, Buffer.concat([u64(2), path('/com.apple.itunes.lock_sync')]));
  expect(opened).toMatchObject({ op: 0x0e, code: 1 });
  expect(await afc(second, 1, 0x0d, Buffer.concat([u64(2), path('/com.apple.itunes.lock_sync')]))).toMatchObject({
    op: 0x0e,
  });
  // The bytes of the protocol notes, appendix B: lock exclusive, handle 1, packet 5.
  const wire =
    '434641364c5041413800000000000000380000000000000005000000000000001b0000000000000001000000000000000600000000000000';
  first.write(Buffer.from(wire, 'hex'));
  const busy = await take(first, 48);
  expect(busy.subarray(24, 48)).toEqual(u64(5, 1, 19));
  expect((await afc(first, 6, 0x1b, u64(1, 6))).code).toBe(19);
  expect((await afc(first, 7, 0x1b, u64(1, 6))).code).toBe(0);
  expect((await afc(second, 2, 0x1b, u64(1, 6))).code).toBe(19);
  expect(phone().afc.syncLocked).toBe(true);
  first.end();
  await expect(take(first, 1)).rejects.toThrow('ended');
  expect((await afc(second, 3, 0x1b, u64(1, 6))).code).toBe(0);
  expect((await afc(second, 4, 0x1b, u64(1, 12))).code).toBe(0);
  expect((await afc(second, 5, 0x14, u64(1))).code).toBe(0);
  expect(phone().afc.syncLocked).toBe(false);
  expect(phone().violations).toEqual([]);
});

test('AFC: folders, files, sizes', async () => {
  const socket = await serve(serveAfc);
  expect((await afc(socket, 1, 0x09, path('/iTunesRestore/deep'))).code).toBe(0);
  expect((await afc(socket, 2, 0x0d, Buffer.concat([u64(1), path('/iTunesRestore/x')]))).code).toBe(8);
  expect(await afc(socket, 3, 0x0d, Buffer.concat([u64(4), path('/iTunesRestore/x')]))).toMatchObject({
    op: 0x0e,
    code: 1,
  });
  expect((await afc(socket, 4, 0x10, u64(1), Buffer.from('hello'))).code).toBe(0);
  expect((await afc(socket, 5, 0x14, u64(1))).code).toBe(0);
  const info = await afc(socket, 6, 0x0a, path('/iTunesRestore/x'));
  expect(info.op).toBe(2);
  expect(info.body.toString()).toContain('st_size\x005\0');
  expect((await afc(socket, 7, 0x0d, Buffer.concat([u64(1), path('/iTunesRestore/x')]))).code).toBe(2);
  expect((await afc(socket, 8, 0x0f, u64(2, 3))).body.toString()).toBe('hel');
  expect((await afc(socket, 9, 0x0f, u64(2, 30))).body.toString()).toBe('lo');
  expect((await afc(socket, 10, 0x0f, u64(2, 30))).body).toHaveLength(0);
  expect((await afc(socket, 11, 0x08, path('/iTunesRestore'))).code).not.toBe(0);
  expect((await afc(socket, 12, 0x08, path('/iTunesRestore/x'))).code).toBe(0);
  expect((await afc(socket, 13, 0x0a, path('/iTunesRestore/x'))).code).toBe(8);
  expect((await afc(socket, 14, 0x03, path('/iTunesRestore'))).body.toString()).toBe('.\0..\0deep\0');
});

test('AFC: a header that is none ends the connection', async () => {
  const socket = await serve(serveAfc);
  socket.write(Buffer.concat([Buffer.from('CFA6LPAB'), u64(40, 40, 1, 1)]));
  await expect(take(socket, 1)).rejects.toThrow('ended');
  expect(phone().violations).toHaveLength(1);
});
