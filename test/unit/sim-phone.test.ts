import { createPublicKey, createSign, createVerify } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { deriveDeviceKey } from '../../src/sim/phone/device-key.js';
import { appIcon } from '../../src/sim/phone/icon.js';
import { phoneIdentity } from '../../src/sim/phone/identity.js';
import { TrustDialog } from '../../src/sim/phone/trust.js';
import { IOS_PROFILES, simulatedUdid } from '../../src/sim/profile.js';
import { ScenarioSet } from '../../src/sim/scenario.js';

test('a derived key is a sound RSA key, the same for the same label', async () => {
  for (const bits of [1024, 2048] as const) {
    const key = await deriveDeviceKey('one', bits);
    expect(key.publicKey.asymmetricKeyDetails).toMatchObject({ modulusLength: bits, publicExponent: 65537n });
    const signature = createSign('sha256').update('x').sign(key.privateKey);
    const publicKey = createPublicKey({ key: key.publicPem, format: 'pem', type: 'pkcs1' });
    expect(createVerify('sha256').update('x').verify(publicKey, signature)).toBe(true);
    expect((await deriveDeviceKey('one', bits)).privatePem).toBe(key.privatePem);
    expect((await deriveDeviceKey('two', bits)).privatePem).not.toBe(key.privatePem);
  }
});

test('UDIDs have the form of their generation and differ by phone and seed', () => {
  expect(simulatedUdid(IOS_PROFILES['17'], 1, 1)).toBe('00008120-5100000000000001');
  expect(simulatedUdid(IOS_PROFILES['9'], 1, 1)).toMatch(/^[0-9a-f]{40}$/);
  const all = Object.values(IOS_PROFILES).flatMap((profile) =>
    [1, 2, 99].flatMap((seed) => [1, 2].map((index) => simulatedUdid(profile, seed, index))),
  );
  expect(new Set(all).size).toBe(all.length);
});

test('an identity is that of a made-up phone', () => {
  const identity = phoneIdentity(IOS_PROFILES['17'], 1, 1);
  expect(identity.name).toBe('Sim iPhone');
  expect(identity.imei).toMatch(/^35999999\d{7}$/);
  const digits = [...identity.imei].map(Number);
  const luhn = digits.map((d, i) => (i % 2 === 0 ? d : d * 2 > 9 ? d * 2 - 9 : d * 2)).reduce((a, b) => a + b);
  expect(luhn % 10).toBe(0);
  expect(identity.wifiAddress).toMatch(/^02(:[0-9a-f]{2}){5}$/);
});

test('the Trust dialog: by itself, refused, by hand', () => {
  const by = (...scenarios: string[]) => new TrustDialog(ScenarioSet.parse(scenarios));
  const patient = by('trust-pending=2');
  expect([1, 2, 3, 4].map(() => patient.ask())).toEqual(['pending', 'pending', 'accepted', 'pending']);
  const refusing = by('trust-refused');
  expect([1, 2, 3].map(() => refusing.ask())).toEqual(['pending', 'refused', 'refused']);
  refusing.cablePulled();
  expect(refusing.ask()).toBe('pending');
  const manual = by('trust-manual');
  expect([1, 2, 3].map(() => manual.ask())).toEqual(['pending', 'pending', 'pending']);
  manual.answer(true);
  expect([1, 2].map(() => manual.ask())).toEqual(['accepted', 'pending']);
});

test('an icon is a PNG of 60 by 60', () => {
  const png = appIcon('com.example.notes');
  expect(png.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([60, 60]);
  const at = png.indexOf('IDAT');
  expect(inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)))).toHaveLength(60 * 181);
});
