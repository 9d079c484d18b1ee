/** Whatever a device sends, a service's client ends with an IbkError or an answer, never with anything else, and never waits for ever. */
import { connect, createServer, type Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import { systemClock } from '../../src/io/clock.js';
import { buildXmlPlist } from '../../src/plist/codec.js';
import { type PlistValue, plistDict } from '../../src/plist/value.js';
import { connectionOf } from '../../src/protocol/connection.js';
import { DEFAULT_TIMEOUTS, type ProtocolContext } from '../../src/protocol/context.js';
import { startTls } from '../../src/protocol/lockdown/tls.js';
import { parseIosVersion } from '../../src/protocol/lockdown/ios-version.js';
import { makePairRecord } from '../../src/protocol/lockdown/pairing.js';
import { generateKeyPairSync } from 'node:crypto';
import { Afc } from '../../src/protocol/services/afc.js';
import { encodeAfcPacket, u64s } from '../../src/protocol/services/afc-packets.js';
import { NotificationProxy } from '../../src/protocol/services/notification-proxy.js';
import { PairRecord } from '../../src/protocol/usbmux/pair-record.js';

let answer: Buffer = Buffer.alloc(0);
let folder: string;
let close: () => void;
const ctx: ProtocolContext = {
  clock: systemClock,
  signal: new AbortController().signal,
  timeouts: { ...DEFAULT_TIMEOUTS, connectMs: 5000, answerMs: 5000 },
  onEvent: () => undefined,
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ibk-services-'));
  const server = createServer((socket) => socket.on('error', () => undefined).once('data', () => socket.end(answer)));
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve));
  close = () => server.close();
});
afterAll(async () => {
  close();
  await rm(folder, { recursive: true });
});

async function device() {
  const socket: Socket = connect(join(folder, 's'));
  await new Promise((resolve) => socket.once('connect', resolve));
  return connectionOf(socket);
}

/** Resolves, or rejects with an IbkError. */
async function settles(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => expect(error).toBeInstanceOf(IbkError));
}

const noise = fc.uint8Array({ maxLength: 120 }).map((array) => Buffer.from(array));
const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });

test('AFC', async () => {
  const packet = fc.oneof(
    noise,
    fc.tuple(fc.integer({ min: 0, max: 40 }), noise).map(([operation, body]) => encodeAfcPacket(operation, 1, body)),
    fc.tuple(u64, u64).map(([entire, own]) => Buffer.concat([Buffer.from('CFA6LPAA'), u64s(entire, own, 1, 2)])),
  );
  await fc.assert(
    fc.asyncProperty(packet, fc.integer({ min: 0, max: 3 }), async (bytes, call) => {
      answer = bytes;
      const afc = new Afc(await device(), ctx);
      const calls = [() => afc.info('/x'), () => afc.open('/x', 1), () => afc.read(1n, 10), () => afc.readFile('/x')];
      await settles((calls[call] ?? calls[0])!());
      afc.close();
    }),
    { numRuns: 200 },
  );
});

test('the AFC lock packet is as in the byte examples', () => {
  expect(encodeAfcPacket(0x1b, 5, u64s(1, 6)).toString('hex')).toBe(
    '434641364c504141' +
      '3800000000000000' +
      '3800000000000000' +
      '0500000000000000' +
      '1b00000000000000' +
      '0100000000000000' +
      '0600000000000000',
  );
});

test('notification_proxy', async () => {
  const value: fc.Arbitrary<PlistValue> = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constantFrom('ProxyDeath', 'RelayNotification'),
  );
  const message = fc.oneof(
    noise,
    fc.record({ Command: value, Name: value }).map((dict) => {
      const body = buildXmlPlist(plistDict(dict));
      const head = Buffer.alloc(4);
      head.writeUInt32BE(body.length, 0);
      return Buffer.concat([head, body]);
    }),
  );
  await fc.assert(
    fc.asyncProperty(message, async (bytes) => {
      answer = bytes;
      const proxy = new NotificationProxy(await device(), ctx);
      await settles(proxy.post('x'));
      await settles(
        (async () => {
          for await (const name of proxy.notifications(ctx.signal)) expect(typeof name).toBe('string');
        })(),
      );
      await proxy.shutdown();
    }),
    { numRuns: 150 },
  );
});

test('TLS', async () => {
  const phone = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'pkcs1', format: 'pem' });
  const ios = parseIosVersion('17');
  const fields = await makePairRecord({
    devicePublicKey: Buffer.from(phone),
    systemBuid: 'B',
    wifiMacAddress: undefined,
    ios,
    now: Date.now(),
  });
  const record = new PairRecord(fields);
  const hello = Buffer.from('16030300', 'hex');
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        noise,
        noise.map((bytes) => Buffer.concat([hello, bytes])),
      ),
      async (bytes) => {
        answer = bytes;
        const starting = startTls(
          await device(),
          record,
          { minVersion: 'TLSv1', maxVersion: 'TLSv1.3' },
          ctx,
          ctx.signal,
        );
        await expect(starting).rejects.toMatchObject({ code: 'device_error', reason: expect.stringMatching(/^tls/) });
      },
    ),
    { numRuns: 100 },
  );
});
