/** Muxers and devices that lie, stall or hang up: always an IbkError, within the time, and nothing left open. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import { buildXmlPlist } from '../../src/plist/codec.js';
import { type PlistValue, plistDict } from '../../src/plist/value.js';
import { LockdownConversation } from '../../src/protocol/lockdown/session.js';
import { UsbmuxTransport } from '../../src/protocol/usbmux/transport.js';
import { contextFor, hastyClock } from '../support/sim-bench.js';

const ENTRY = { deviceId: 1, udid: '00008120-000A1D2E0C88401E', link: 'usb' } as const;
let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ibk-muxer-'));
});
afterAll(() => rm(folder, { recursive: true }));

type Script = (socket: Socket, request: Buffer) => void;

/** A server that runs `script` on each piece of data. */
async function serve(script: Script) {
  const path = join(folder, `${++count}.sock`);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => undefined));
    socket.on('data', (data) => script(socket, data));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const bench = contextFor(`UNIX:${path}`, {
    clientClock: hastyClock(),
    timeouts: { connectMs: 4000, answerMs: 4000 },
  });
  return {
    ...bench,
    async [Symbol.asyncDispose]() {
      // The client must have hung up by itself.
      while (sockets.size > 0) await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function packet(body: Buffer, { length = body.length + 16, message = 8 } = {}): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(length, 0);
  head.writeUInt32LE(1, 4);
  head.writeUInt32LE(message, 8);
  head.writeUInt32LE(1, 12);
  return Buffer.concat([head, body]);
}

const plistPacket = (value: PlistValue) => packet(buildXmlPlist(value));
const result = (number: number) => plistPacket(plistDict({ MessageType: 'Result', Number: number }));
const framed = (body: Buffer, length = body.length) => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(length, 0);
  return Buffer.concat([head, body]);
};

test.each<[string, Script, string]>([
  ['a length of 0xffffffff', (socket) => socket.write(packet(Buffer.alloc(0), { length: 0xffffffff })), 'usbmuxd'],
  ['a length below the header', (socket) => socket.write(packet(Buffer.alloc(0), { length: 3 })), 'usbmuxd'],
  ['the old binary protocol', (socket) => socket.write(packet(Buffer.alloc(4), { message: 1 })), 'usbmuxd'],
  ['garbage', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), 'usbmuxd'],
  ['no property list', (socket) => socket.write(packet(Buffer.from('<plist'))), 'usbmuxd'],
  ['a list of the wrong type', (socket) => socket.write(plistPacket(plistDict({ DeviceList: 'x' }))), 'usbmuxd'],
  ['an entry of the wrong type', (socket) => socket.write(plistPacket(plistDict({ DeviceList: [7] }))), 'usbmuxd'],
  ['a refusal', (socket) => socket.write(result(1)), 'usbmuxd'],
  ['silence', () => undefined, 'timeout'],
  ['half a header', (socket) => socket.write(Buffer.alloc(5, 0)), 'timeout'],
  ['half a body', (socket) => socket.write(packet(Buffer.from('<pl'), { length: 4000 })), 'timeout'],
  ['the end at once', (socket) => socket.end(), 'usbmuxd'],
  ['the end within a body', (socket) => socket.end(packet(Buffer.from('<pl'), { length: 4000 })), 'usbmuxd'],
  ['a reset', (socket) => socket.destroy(), 'usbmuxd'],
])('ListDevices answered by %s', async (_what, script, code) => {
  await using server = await serve(script);
  await expect(server.ctx.muxer.listDevices()).rejects.toMatchObject({ code });
});

test('entries that are no devices are left out', async () => {
  const entry = (SerialNumber: string, ConnectionType = 'USB') =>
    plistDict({ DeviceID: 5, Properties: plistDict({ SerialNumber, ConnectionType }) });
  const DeviceList = [
    entry('f'.repeat(40)),
    entry('../../etc/passwd'),
    entry(ENTRY.udid, 'Bluetooth'),
    entry(ENTRY.udid.replace('-', '')),
  ];
  await using server = await serve((socket) => socket.write(plistPacket(plistDict({ DeviceList }))));
  expect(await server.ctx.muxer.listDevices()).toEqual([{ deviceId: 5, udid: ENTRY.udid, link: 'usb' }]);
});

test('no muxer, and a socket that nobody listens on, are said in words with advice', async () => {
  const { ctx } = contextFor(`UNIX:${join(folder, 'none.sock')}`);
  const asking = ctx.muxer.listDevices();
  await expect(asking).rejects.toMatchObject({ code: 'usbmuxd', exit: 29, reason: 'unreachable' });
  await expect(asking).rejects.toThrow(/^usbmuxd cannot be reached at .*: there is no such socket\.$/);
  const refused = contextFor('127.0.0.1:1').ctx.muxer.listDevices();
  await expect(refused).rejects.toThrow('usbmuxd cannot be reached at 127.0.0.1:1: connection refused.');
});

test('a service that speaks with the muxer’s answer loses no byte', async () => {
  await using server = await serve((socket) => socket.write(Buffer.concat([result(0), Buffer.from('early bird')])));
  const connection = await server.ctx.muxer.connect(1, 1234);
  expect(
    String(connection.stream.read() ?? (await new Promise((resolve) => connection.stream.once('data', resolve)))),
  ).toBe('early bird');
  connection.close();
});

test.each([
  [2, 'connection_lost'],
  [3, 'device_error'],
  [6, 'usbmuxd'],
])('Connect answered by %i', async (number, code) => {
  await using server = await serve((socket) => socket.write(result(number)));
  await expect(server.ctx.muxer.connect(1, 62078)).rejects.toMatchObject({ code });
});

test('pair records: an errno is no record, nonsense is an error', async () => {
  await using none = await serve((socket) => socket.write(result(2)));
  expect(await none.ctx.muxer.readPairRecord(ENTRY.udid)).toBeUndefined();
  expect(await none.ctx.muxer.deletePairRecord(ENTRY.udid)).toBe(false);
  await expect(none.ctx.muxer.savePairRecord(ENTRY.udid, Buffer.from('x'))).rejects.toMatchObject({ code: 'usbmuxd' });
  await using odd = await serve((socket) => socket.write(plistPacket(plistDict({ PairRecordData: 'text' }))));
  await expect(odd.ctx.muxer.readPairRecord(ENTRY.udid)).rejects.toBeInstanceOf(IbkError);
});

test('aborting ends every wait at once', async () => {
  await using server = await serve(() => undefined);
  const waits = [
    server.ctx.muxer.listDevices({ signal: server.abort.signal }),
    server.ctx.muxer.connect(1, 2, { signal: server.abort.signal }),
  ];
  const listening = server.ctx.muxer.listen({ signal: server.abort.signal }).next();
  server.abort.abort(new IbkError('terminated', 'SIGTERM'));
  for (const wait of [...waits, listening]) await expect(wait).rejects.toMatchObject({ code: 'terminated' });
});

/** Answers Connect, then plays lockdownd's part by `lockdown`. */
function device(lockdown: Script): Script {
  const connected = new WeakSet<Socket>();
  return (socket, data) => {
    if (connected.has(socket)) return lockdown(socket, data);
    connected.add(socket);
    socket.write(result(0));
  };
}

test.each<[string, Script, string]>([
  ['a length of 0xffffffff', (socket) => socket.write(framed(Buffer.alloc(0), 0xffffffff)), 'device_error'],
  ['no property list', (socket) => socket.write(framed(Buffer.from('hello'))), 'device_error'],
  ['an empty message', (socket) => socket.write(framed(Buffer.alloc(0))), 'device_error'],
  ['an array', (socket) => socket.write(framed(buildXmlPlist([1, 2]))), 'device_error'],
  [
    'restore mode',
    (socket) => socket.write(framed(buildXmlPlist(plistDict({ Type: 'com.apple.mobile.restored' })))),
    'device_busy',
  ],
  ['silence', () => undefined, 'timeout'],
  ['the end', (socket) => socket.end(), 'connection_lost'],
  ['the end within a message', (socket) => socket.end(framed(Buffer.from('<'), 100)), 'connection_lost'],
])('lockdownd answering with %s', async (_what, script, code) => {
  await using server = await serve(device(script));
  const opening = LockdownConversation.open(server.ctx, new UsbmuxTransport(server.ctx.muxer, ENTRY));
  await expect(opening).rejects.toMatchObject({ code });
});

test('random bytes from the muxer or lockdownd give an IbkError, whatever they are', async () => {
  let answer: Buffer = Buffer.alloc(0);
  await using muxer = await serve((socket) => socket.end(answer));
  await using lockdown = await serve(device((socket) => socket.end(answer)));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
    fc.uint8Array({ maxLength: 200 }).map((array) => packet(Buffer.from(array))),
    fc
      .uint8Array({ maxLength: 200 })
      .map((array) => framed(Buffer.concat([Buffer.from('bplist00'), Buffer.from(array)]))),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (random) => {
      answer = random;
      await expect(muxer.ctx.muxer.listDevices()).rejects.toBeInstanceOf(IbkError);
      const opening = LockdownConversation.open(lockdown.ctx, new UsbmuxTransport(lockdown.ctx.muxer, ENTRY));
      await expect(opening).rejects.toBeInstanceOf(IbkError);
    }),
    { numRuns: 150 },
  );
});
