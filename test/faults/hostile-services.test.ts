/** ibk against a phone whose helper services and facts are not what they should be: bounded in time and memory, and nobody else suffers. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { buildBinaryPlist, buildXmlPlist, parsePlist } from '../../src/plist/codec.js';
import { asDict } from '../../src/plist/fields.js';
import { type PlistDict, plistDict } from '../../src/plist/value.js';
import { type SimulatedPhone, startSimulator } from '../../src/sim/index.js';
import { SERVICES } from '../../src/sim/services/directory.js';
import type { ServiceHandler } from '../../src/sim/services/service.js';
import { temporaryRoot, tryBackup } from '../support/ibk-backup.js';
import { hasTool } from '../support/tools.js';

const services = SERVICES as Map<string, ServiceHandler>;
const usual = [...SERVICES];
afterEach(() => {
  for (const [name, handler] of usual) services.set(name, handler);
});

const APPS = 'com.apple.mobile.installation_proxy';
const ICONS = 'com.apple.springboardservices';
const LIMITS = { connectMs: 1000, answerMs: 1000, stallMs: 3000 };

function framed(dict: PlistDict): Buffer {
  const body = buildBinaryPlist(dict);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

const closed = (stream: Duplex) => new Promise<void>((resolve) => stream.once('close', () => resolve()));

const silent: ServiceHandler = async (stream) => {
  stream.on('error', () => undefined).resume();
  await closed(stream);
};

/** Answers the first request with `answers`, as fast as they are taken. */
function answering(answers: () => Iterable<Buffer>): ServiceHandler {
  return async (stream) => {
    stream.on('error', () => undefined);
    stream.once('data', () => {
      for (const answer of answers()) stream.write(answer);
    });
    await closed(stream);
  };
}

const app = (id: string, sinfBytes: number) =>
  plistDict({
    CFBundleIdentifier: id,
    ApplicationSINF: Buffer.alloc(sinfBytes, 0x41),
    iTunesMetadata: Buffer.from('metadata'),
  });

async function infoOf(set: (phone: SimulatedPhone) => void, timeouts: typeof LIMITS = LIMITS) {
  await using folder = await temporaryRoot();
  await using sim = await startSimulator({ scenarios: ['paired'], ios: ['15'], files: 3, bytes: 3000 });
  const [phone] = sim.phones;
  if (phone === undefined) throw new Error('no phone');
  set(phone);
  const tried = await tryBackup({ listen: sim.listen, root: folder.path, timeouts });
  const path = join(folder.path, phone.udid, 'Info.plist');
  const bytes = readFileSync(path);
  if (hasTool('python3')) {
    const read = 'import plistlib, sys; plistlib.load(open(sys.argv[1], "rb"))';
    execFileSync('python3', ['-c', read, path]);
  }
  return { ...tried, bytes, info: asDict(parsePlist(bytes, 'Info.plist'), 'Info.plist') };
}

test('apps with licences of megabytes are listed without them, and Info.plist stays small', async () => {
  services.set(
    APPS,
    answering(function* () {
      const CurrentList = [app('a.small', 100), app('a.large', 2_000_000)];
      yield framed(plistDict({ Status: 'BrowsingApplications', CurrentList }));
      for (let i = 0; i < 20; i++)
        yield framed(plistDict({ Status: 'BrowsingApplications', CurrentList: [app(`many.${i}`, 900_000)] }));
      yield framed(plistDict({ Status: 'Complete' }));
    }),
  );
  // Megabytes take a busy machine more than a second.
  const patient = { connectMs: 60_000, answerMs: 60_000, stallMs: 60_000 };
  const { info, bytes } = await infoOf(() => undefined, patient);
  expect(info['Installed Applications']).toHaveLength(22);
  const apps = Object.keys(asDict(info['Applications'], 'Applications'));
  expect(apps).toContain('a.small');
  expect(apps).not.toContain('a.large');
  expect(bytes.length).toBeLessThan(40_000_000);
});

test('a silent springboard costs one wait, not one for each app, and does not count as silence of the backup', async () => {
  const CurrentList = Array.from({ length: 30 }, (_, i) => app(`app.${i}`, 10));
  services.set(
    APPS,
    answering(() => [framed(plistDict({ Status: 'Complete', CurrentList }))]),
  );
  services.set(ICONS, silent);
  const started = performance.now();
  const { info } = await infoOf(() => undefined);
  expect(performance.now() - started).toBeLessThan(8000);
  expect(Object.keys(asDict(info['Applications'], 'Applications'))).toHaveLength(30);
});

test('a listing of apps that never ends, a piece now and then, is given up', async () => {
  services.set(APPS, async (stream) => {
    stream.on('error', () => undefined).resume();
    const piece = framed(plistDict({ Status: 'BrowsingApplications' }));
    const timer = setInterval(() => stream.write(piece), 200);
    await closed(stream);
    clearInterval(timer);
  });
  const { info } = await infoOf(() => undefined);
  expect(info['Installed Applications']).toEqual([]);
}, 20_000);

test('what XML cannot hold does not get into Info.plist', async () => {
  const { info, events } = await infoOf((phone) => {
    phone.setValues.set(
      '',
      plistDict({ DeviceName: 'Anna\u0001\u0000\ufffe\u001b[2J\u202e', SerialNumber: 'x'.repeat(3000) }),
    );
    phone.setValues.set('com.apple.iTunes', plistDict({ 'key\u0002': 'value\u0003' }));
  });
  expect(info['Device Name']).toBe('Anna[2J\u202e');
  expect(info['Serial Number']).toBe('x'.repeat(1000));
  // For programs it is whole.
  expect(events.find(({ type }) => type === 'start')).toMatchObject({
    device: { name: expect.stringContaining('\u202e') },
  });
});

test('a phone without a name, and one with a name of megabytes', async () => {
  const nameless = await infoOf((phone) => void phone.setValues.set('', plistDict({ DeviceName: '' })));
  expect(nameless.summary.device.name).toMatch(/^iPhone /);
  const endless = await infoOf(
    (phone) => void phone.setValues.set('', plistDict({ DeviceName: 'n'.repeat(5_000_000) })),
  );
  expect(endless.summary.device.name).toHaveLength(1000);
});

test('a small binary list whose texts overlap does not become gigabytes', () => {
  const texts = 2000;
  const objects = 2_000_000;
  const arrayAt = objects - 6 - texts * 4;
  const document = Buffer.alloc(objects + (texts + 1) * 4 + 32, 0x41);
  document.write('bplist00', 'latin1');
  const offsets = [...Array.from({ length: texts }, (_, i) => 8 + i * 6), arrayAt];
  for (const at of offsets.slice(0, -1)) {
    document.writeUInt16BE(0x5f12, at);
    document.writeUInt32BE(arrayAt - at - 6, at + 2);
  }
  document.writeUInt16BE(0xaf12, arrayAt);
  document.writeUInt32BE(texts, arrayAt + 2);
  for (let i = 0; i < texts; i++) document.writeUInt32BE(i, arrayAt + 6 + i * 4);
  for (const [i, at] of offsets.entries()) document.writeUInt32BE(at, objects + i * 4);
  const trailer = document.subarray(-32).fill(0);
  trailer.writeUInt16BE(0x0404, 6);
  trailer.writeBigUInt64BE(BigInt(texts + 1), 8);
  trailer.writeBigUInt64BE(BigInt(texts), 16);
  trailer.writeBigUInt64BE(BigInt(objects), 24);
  const started = performance.now();
  expect(() => parsePlist(document, 'The answer')).toThrow(/texts that overlap/);
  expect(performance.now() - started).toBeLessThan(1000);
});

test('XML leaves out what it cannot hold, and keeps line feeds and tabs', () => {
  const xml = buildXmlPlist(plistDict({ 'a\u0000b': 'c\u0008\td\n\uffff📚' }));
  expect(parsePlist(xml, 'xml')).toEqual(plistDict({ ab: 'c\td\n📚' }));
});
