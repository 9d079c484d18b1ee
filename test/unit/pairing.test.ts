import { createPrivateKey, type createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { inspect } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { parseIosVersion } from '../../src/protocol/lockdown/ios-version.js';
import { makePairRecord } from '../../src/protocol/lockdown/pairing.js';
import { tlsOptions, tlsRanges } from '../../src/protocol/lockdown/tls.js';
import { decodePairRecord, PairRecord, type PairRecordFields } from '../../src/protocol/usbmux/pair-record.js';

const device = generateKeyPairSync('rsa', { modulusLength: 1024 });
const input = {
  devicePublicKey: device.publicKey.export({ type: 'pkcs1', format: 'pem' }) as string,
  now: Date.UTC(2026, 10, 21),
};
let fields: PairRecordFields;
beforeAll(async () => {
  fields = await makePairRecord({
    devicePublicKey: Buffer.from(input.devicePublicKey),
    systemBuid: 'BUID',
    wifiMacAddress: 'aa:bb:cc:dd:ee:ff',
    ios: parseIosVersion('17.6'),
    now: input.now,
  });
});

test('the root signs itself, the host and the device; names are empty; ten years', () => {
  const [root, host, phone] = [fields.rootCertificate, fields.hostCertificate, fields.deviceCertificate].map(
    (pem) => new X509Certificate(pem),
  ) as [X509Certificate, X509Certificate, X509Certificate];
  for (const certificate of [root, host, phone]) {
    expect(certificate.verify(root.publicKey)).toBe(true);
    expect(certificate.subject ?? '').toBe('');
    expect(certificate.issuer ?? '').toBe('');
    expect(Date.parse(certificate.validFrom)).toBeLessThan(input.now);
    expect(Date.parse(certificate.validTo)).toBe(input.now + 3650 * 86_400_000);
  }
  expect([root.ca, host.ca, phone.ca]).toEqual([true, false, false]);
  const spki = (key: ReturnType<typeof createPublicKey>) => key.export({ type: 'spki', format: 'der' });
  expect(spki(phone.publicKey).equals(spki(device.publicKey))).toBe(true);
  expect(host.checkPrivateKey(createPrivateKey(fields.hostPrivateKey))).toBe(true);
  expect(root.checkPrivateKey(createPrivateKey(fields.rootPrivateKey))).toBe(true);
});

test('only the public part goes to the device, and the record is read back as it was stored', () => {
  const record = new PairRecord({ ...fields, escrowBag: Buffer.alloc(32, 7) });
  expect(Object.keys(record.publicPart()).sort()).toEqual(
    ['DeviceCertificate', 'HostCertificate', 'HostID', 'RootCertificate', 'SystemBUID'].sort(),
  );
  expect(decodePairRecord(record.encode()).fields).toEqual(record.fields);
});

test('a record never prints', () => {
  const record = new PairRecord(fields);
  expect(inspect({ record }, { depth: 9 }) + JSON.stringify({ record }) + Object.keys(record)).not.toContain('PRIVATE');
  expect(JSON.stringify(record)).toBe('"[pair record]"');
});

test.each([
  Buffer.from('nonsense'),
  Buffer.alloc(0),
  Buffer.from('-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n'),
])('a key that is none is an error of the device', async (devicePublicKey) => {
  const ios = parseIosVersion('17.6');
  const record = makePairRecord({ devicePublicKey, systemBuid: 'B', wifiMacAddress: undefined, ios, now: 0 });
  await expect(record).rejects.toMatchObject({ code: 'device_error', reason: 'device_public_key' });
});

test.each([Buffer.alloc(0), Buffer.from('<plist><dict/></plist>'), Buffer.from('bplist00garbage')])(
  'a damaged record is not_paired, and its bytes are not quoted',
  (bytes) => {
    const decode = () => decodePairRecord(bytes);
    expect(decode).toThrowError(expect.objectContaining({ code: 'not_paired', reason: 'invalid_pair_record' }));
    expect(decode).not.toThrowError(expect.objectContaining({ cause: expect.anything() }));
  },
);

test('TLS: exactly 1.0 below iOS 10, then 1.2; later 1.0 to 1.3, then 1.0; always security level 0 and legacy renegotiation', () => {
  const only10 = { minVersion: 'TLSv1', maxVersion: 'TLSv1' };
  expect(tlsRanges(parseIosVersion('9.3.5'))).toEqual([only10, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }]);
  for (const version of ['10.0', '12.5.7', '26.1', '', 'x'])
    expect(tlsRanges(parseIosVersion(version))).toEqual([{ minVersion: 'TLSv1', maxVersion: 'TLSv1.3' }, only10]);
  const options = tlsOptions(new PairRecord(fields), { minVersion: 'TLSv1', maxVersion: 'TLSv1' });
  expect(options.ciphers).toContain('@SECLEVEL=0');
  expect(options.secureOptions & 4).toBe(4);
  expect(options).not.toHaveProperty('servername');
  expect(options.cert).toBe(fields.hostCertificate);
});
