/** The simulated usbmuxd and the edges of lockdownd, spoken to with hand-made packets. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/sim/index.js';
import { take } from '../support/socket-pair.js';

let sim: Simulator;
const sockets: Socket[] = [];

async function start(options: SimulatorOptions = {}): Promise<void> {
  sim = await startSimulator({ files: 2, bytes: 100, ...options });
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await sim.close();
});

async function dial(): Promise<Socket> {
  const socket = connect(sim.listen.replace('UNIX:', ''));
  socket.on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

function send(socket: Socket, tag: number, dict: string): void {
  const body = Buffer.from(`<?xml version="1.0"?><plist version="1.0"><dict>${dict}</dict></plist>`);
  const head = Buffer.alloc(16);
  for (const [i, value] of [16 + body.length, 1, 8, tag].entries()) head.writeUInt32LE(value, i * 4);
  socket.write(Buffer.concat([head, body]));
}

async function receive(socket: Socket): Promise<{ tag: number; text: string }> {
  const head = await take(socket, 16);
  const body = await take(socket, head.readUInt32LE(0) - 16);
  return { tag: head.readUInt32LE(12), text: body.toString().replace(/\n\t*/g, '') };
}

async function ask(dict: string): Promise<string> {
  const socket = await dial();
  send(socket, 9, dict);
  const answer = await receive(socket);
  expect(answer.tag).toBe(9);
  return answer.text;
}

const string = (key: string, value: string) => `<key>${key}</key><string>${value}</string>`;
const integer = (key: string, value: number) => `<key>${key}</key><integer>${value}</integer>`;
const type = (name: string) => string('MessageType', name);
const result = (number: number) => integer('Number', number);
const udid = () => sim.phones[0]?.udid ?? '';

test('lists by cable and over Wi-Fi, with the keys of each', async () => {
  await start({ scenarios: ['usb-and-network'] });
  const text = await ask(type('ListDevices'));
  expect(text.split(`<key>SerialNumber</key><string>${udid()}</string>`)).toHaveLength(3);
  expect(text).toContain('<key>ConnectionType</key><string>USB</string>');
  expect(text).toContain(integer('ProductID', 0x12a8));
  expect(text).toContain('<key>ConnectionType</key><string>Network</string>');
  expect(text).toMatch(/<key>NetworkAddress<\/key><data>AgAAAH8AAAE/);
});

test('Listen replays, then tells of cables, with tag 0; a replugged phone has a new number', async () => {
  await start();
  const socket = await dial();
  send(socket, 5, type('Listen'));
  expect(await receive(socket)).toEqual({ tag: 5, text: expect.stringContaining(result(0)) });
  expect(await receive(socket)).toEqual({ tag: 0, text: expect.stringContaining(type('Attached')) });
  sim.phones[0]?.unplug();
  const gone = await receive(socket);
  expect(gone.text).toContain(type('Detached'));
  expect(gone.text).toContain(integer('DeviceID', 1));
  sim.phones[0]?.plug();
  expect((await receive(socket)).text).toContain(integer('DeviceID', 2));
  expect(await ask(type('ListListeners'))).toContain('ListenerList');
  send(socket, 6, type('ListDevices'));
  expect((await receive(socket)).text).toContain(result(1));
});

test('keeps pair records; an unknown one is errno 2, missing keys 22; saving with a DeviceID is told', async () => {
  await start();
  const listener = await dial();
  send(listener, 1, type('Listen'));
  await receive(listener);
  await receive(listener);
  const id = string('PairRecordID', udid());
  expect(await ask(type('ReadPairRecord') + id)).toContain(result(2));
  expect(await ask(type('SavePairRecord') + id)).toContain(result(22));
  const data = '<key>PairRecordData</key><data>YWJj</data>';
  expect(await ask(type('SavePairRecord') + id + data + integer('DeviceID', 1))).toContain(result(0));
  expect((await receive(listener)).text).toContain(type('Paired'));
  expect(await ask(type('ReadPairRecord') + id)).toContain('<key>PairRecordData</key><data>YWJj</data>');
  expect(await ask(type('DeletePairRecord') + id)).toContain(result(0));
  expect(await ask(type('DeletePairRecord') + id)).toContain(result(2));
  expect(await ask(type('ReadBUID'))).toMatch(/<key>BUID<\/key><string>[0-9A-F-]{36}</);
});

test('Connect: no such phone 2, nothing on that port 3', async () => {
  await start();
  expect(await ask(type('Connect') + integer('DeviceID', 77) + integer('PortNumber', 32498))).toContain(result(2));
  expect(await ask(type('Connect') + integer('DeviceID', 1) + integer('PortNumber', 1))).toContain(result(3));
  expect(sim.violations).toEqual([]);
});

/** A connection to lockdownd, and one question. */
async function lockdown(): Promise<(dict: string) => Promise<string>> {
  const socket = await dial();
  send(socket, 1, type('Connect') + integer('DeviceID', 1) + integer('PortNumber', 32498));
  expect((await receive(socket)).text).toContain(result(0));
  return async (dict) => {
    const body = Buffer.from(`<plist version="1.0"><dict>${dict}</dict></plist>`);
    const head = Buffer.alloc(4);
    head.writeUInt32BE(body.length);
    socket.write(Buffer.concat([head, body]));
    const length = (await take(socket, 4)).readUInt32BE(0);
    return (await take(socket, length)).toString().replace(/\n\t*/g, '');
  };
}

const request = (name: string) => string('Request', name) + string('Label', 'test');

test('lockdownd without a session tells little, and starts nothing', async () => {
  await start();
  const askPhone = await lockdown();
  expect(await askPhone(request('QueryType'))).toContain('<string>com.apple.mobile.lockdown</string>');
  expect(await askPhone(request('GetValue') + string('Key', 'ProductVersion'))).toContain('<string>17.6</string>');
  expect(await askPhone(request('GetValue') + string('Key', 'SerialNumber'))).toContain('GetProhibited');
  expect(await askPhone(request('GetValue') + string('Key', 'Nonsense'))).toContain('MissingValue');
  expect(await askPhone(request('GetValue') + string('Domain', 'com.apple.mobile.backup'))).toContain('GetProhibited');
  const all = await askPhone(request('GetValue'));
  expect(all).toContain('<key>UniqueDeviceID</key>');
  expect(all).not.toContain('InternationalMobileEquipmentIdentity');
  expect(await askPhone(request('StartService') + string('Service', 'com.apple.afc'))).toContain('SessionInactive');
  expect(await askPhone(request('StopSession') + string('SessionID', 'x'))).toContain('SessionInactive');
  expect(await askPhone(request('StartSession'))).toContain('MissingHostID');
  expect(await askPhone(request('StartSession') + string('HostID', 'x'))).toContain('InvalidHostID');
  expect(sim.violations).toEqual([]);
});

test('a Pair request with a private key, or without certificates, is a violation', async () => {
  await start();
  const askPhone = await lockdown();
  const pair = (record: string) =>
    askPhone(`${request('Pair')}${string('ProtocolVersion', '2')}<key>PairRecord</key><dict>${record}</dict>`);
  expect(await pair('<key>HostPrivateKey</key><data>YWJj</data>')).toContain('InvalidPairRecord');
  expect(await pair('<key>RootCertificate</key><data>YWJj</data>')).toContain('InvalidPairRecord');
  expect(sim.violations).toHaveLength(2);
  expect(sim.violations[0]).toContain('HostPrivateKey');
});

test('garbage is recorded and ends the connection; unknown messages are answered', async () => {
  await start();
  const socket = await dial();
  socket.write(Buffer.alloc(16, 0xff));
  await expect(take(socket, 1)).rejects.toThrow('ended');
  expect(await ask(type('Dance'))).toContain(result(1));
  expect(sim.violations).toEqual(['usbmuxd: packet length 4294967295', 'usbmuxd: unknown MessageType "Dance"']);
});

test('pulling the cable ends the connections to the phone, not those to the muxer', async () => {
  await start({ ios: ['17', '9'] });
  const other = await dial();
  send(other, 1, type('Connect') + integer('DeviceID', 2) + integer('PortNumber', 32498));
  await receive(other);
  const one = await dial();
  send(one, 1, type('Connect') + integer('DeviceID', 1) + integer('PortNumber', 32498));
  await receive(one);
  sim.phones[0]?.unplug();
  await expect(take(one, 1)).rejects.toThrow('ended');
  expect(other.destroyed).toBe(false);
  expect(await ask(type('Connect') + integer('DeviceID', 1) + integer('PortNumber', 32498))).toContain(result(2));
});

test.each([
  ['detach=connect', 2],
  ['connect-refused', 3],
])('scenario %s', async (scenario, number) => {
  await start({ scenarios: [scenario] });
  expect(await ask(type('Connect') + integer('DeviceID', 1) + integer('PortNumber', 32498))).toContain(result(number));
});

test('a second simulator is refused at the same address; a stale socket file is no obstacle', async () => {
  await start();
  await expect(startSimulator({ listen: sim.listen })).rejects.toMatchObject({ code: 'in_use' });
  await expect(startSimulator({ listen: 'nonsense' })).rejects.toMatchObject({ code: 'usage' });
  await expect(startSimulator({ listen: '/nowhere/at/all.sock' })).rejects.toMatchObject({ code: 'destination' });
});
