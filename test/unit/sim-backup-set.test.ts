/**
 * The phone's writers against vectors made by other programs (Python hashlib and cryptography, checked with OpenSSL; the MBFile blob by
 * Python plistlib), and against readers that are not ours (bplist-parser, sqlite3 through better-sqlite3).
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { encodeKeybag, deriveKek, makeKeybag, wrapForClass, wrapKey } from '../../src/sim/backup-set/keybag.js';
import { encodeMbdbRecord, MBDB_MAGIC } from '../../src/sim/backup-set/mbdb.js';
import { encodeMbFile } from '../../src/sim/backup-set/mbfile.js';
import { encodeStatus } from '../../src/sim/backup-set/plists.js';
import { fileIdOf, type ManifestRecord, storedBytes } from '../../src/sim/backup-set/record.js';
import { storedChunks } from '../../src/sim/backup-set/stored-bytes.js';
import type { FileItem } from '../../src/sim/content/item.js';
import { openKeybag } from '../support/backup-reader.js';

const { parseBuffer } = createRequire(import.meta.url)('bplist-parser') as { parseBuffer(bytes: Buffer): unknown[] };
const hex = (text: string) => Buffer.from(text, 'hex');

const SALT = hex('404142434445464748494a4b4c4d4e4f50515253');
const DPSL = hex('101112131415161718191a1b1c1d1e1f20212223');
const KEK = hex('dd4452f579e181f37ff39fcafbf8ea33a901ab32d92eea17cb7cfb0b55185e25');
const CLASS_3 = hex('c8b5610888f10db26b0f84db38aa42ecf2627c94347d384ce138a39ef298d1ea');
const CLASS_4 = hex('67814d865761300346336ad0958cfe7cb5483c2893c8c1e42d07ca22f63913cd');
const CLASS_6 = hex('af3e83124b123f1dd3ac19b6d267b9b21fee111cc8925ed0d68288bec41cc109');
const FILE_KEY = hex('a0cc538968c3de95e887314617b79289de0f999e78c8f7eef949463a96055b52');
const ENCRYPTION_KEY = hex('03000000e76f596b4527a1c499ee04c2235cb048725b43311c6b965ff42a9f50c98f42101417bb1f5d732e22');

test.each([
  ['HomeDomain', '', '70765829101933f25994c71bbee6dfd685535bff'],
  ['HomeDomain', 'Library/SMS/sms.db', '3d0d7e5fb2ce288813306e4d4636395e047a3d28'],
  ['CameraRollDomain', 'Media/DCIM/100APPLE/IMG_0001.JPG', '343e26971dfe9c395c425c0ccf799df63ae6261e'],
  ['AppDomain-com.example.app', 'Documents/Grüße.txt', '1a4e17ab80226d4c7a6bfa86348374235f07aac7'],
])('fileID of %s %s', (domain, path, id) => expect(fileIdOf(domain, path)).toBe(id));

describe('keybag', () => {
  test('password to key, with and without double protection', async () => {
    const protection = { salt: DPSL, iterations: 1000 };
    expect(await deriveKek('correct horse', SALT, 1000, protection)).toEqual(KEK);
    const old = '3e86cf2f0caf5ff6485ee62e244b029b5e27521ca1a4ee7256af71b162a4d66a';
    expect((await deriveKek('correct horse', SALT, 1000, undefined)).toString('hex')).toBe(old);
    const umlauts = 'ab980d0559b1f7421a72c3aab9cdbebae78a06f7e4f2f05fd8632a66642cb562';
    expect((await deriveKek('p\u00e4ssw\u00f6rd', SALT, 1000, protection)).toString('hex')).toBe(umlauts);
  });

  test('key wrap of RFC 3394, 4.6', () => {
    const key = hex('00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F');
    const wrapped = '28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21';
    const kek = hex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
    expect(wrapKey(kek, key).toString('hex')).toBe(wrapped);
    expect(wrapForClass(CLASS_3, 3, FILE_KEY)).toEqual(ENCRYPTION_KEY);
    const manifest = hex('297bc841e208a49f9911dc28c9cd19fdc29bfc848cdfad6dcb6a8506bf1e0172');
    expect(wrapForClass(CLASS_3, 3, manifest).toString('hex')).toBe(
      '030000002f084af743d33ac3ba5e22e744935215d814e3158ee2bef5991556614d935def1cbf82f8d9494cf7',
    );
  });

  test('the bytes of a bag of three classes', () => {
    const header = {
      version: 5,
      uuid: hex('00112233445566778899aabbccddeeff'),
      salt: SALT,
      iter: 1000,
      protection: { salt: DPSL, iterations: 1000 },
    };
    const block = (protectionClass: number, key: Buffer) => {
      const uuid = Buffer.alloc(16, protectionClass);
      return { uuid, protectionClass, wrap: 2 as const, wrappedKey: wrapKey(KEK, key) };
    };
    const bag = encodeKeybag(header, [block(3, CLASS_3), block(4, CLASS_4), block(6, CLASS_6)]);
    expect(bag).toHaveLength(524);
    const sha256 = createHash('sha256').update(bag).digest('hex');
    expect(sha256).toBe('6ec67bf16899fd22e6c3edc204c5aa0515d25797563c3f668a3f91dfa050d150');
  });

  test.each([true, false])(
    'the bag of a phone opens with its password, double protection %s',
    async (doubleProtection) => {
      const recipe = { label: 'test', password: 'secret', doubleProtection, dpic: 1000, iter: 1000 };
      const bag = await makeKeybag(recipe);
      expect(openKeybag(bag.bytes, 'secret')).toEqual(new Map([...bag.classKeys]));
      expect([...bag.classKeys.keys()].sort()).toEqual([1, 2, 3, 4, 6, 7, 8]);
      expect(() => openKeybag(bag.bytes, 'Secret')).toThrow();
      expect(bag.bytes.includes('DPSL')).toBe(doubleProtection);
      expect((await makeKeybag(recipe)).bytes).toEqual(bag.bytes);
      const plain = await makeKeybag({ ...recipe, password: undefined });
      expect(plain.bytes.includes('DPSL')).toBe(false);
    },
  );
});

test.each([
  ['', 'b330f034872c3e0eb01ff24abed7a457'],
  ['hello backup', 'c119c8d757d39314fad75898d8683eed'],
  ['0123456789abcdef', '4a0fdbf51ad35fedb830a443bcc9e989649820b93a478c88b4b0de8927df6a55'],
  ['A'.repeat(33), '6beaddd0f3b29bd7c1c600dc33f133806ecfef9fbb9ce82c43436a8c02cc4062d6a0248beab5e31aee37fbb17731f0df'],
])('encrypted content of %j', (text, stored) => {
  const chunks = text === '' ? [] : [Buffer.from(text.slice(0, 5)), Buffer.from(text.slice(5))];
  const bytes = Buffer.concat([...(storedChunks(chunks, FILE_KEY) as Iterable<Buffer>)]);
  expect(bytes.toString('hex')).toBe(stored);
  expect(storedBytes(text.length, true)).toBe(bytes.length);
});

function record(facts: Partial<FileItem>, rest: Partial<ManifestRecord>): ManifestRecord {
  const item: FileItem = {
    kind: 'file',
    domain: 'HomeDomain',
    relativePath: 'x',
    mode: 0o100644,
    userId: 501,
    groupId: 501,
    inode: 1,
    modified: 0,
    changed: 0,
    born: 0,
    protectionClass: 3,
    extendedAttributes: undefined,
    sizeBytes: 0,
    source: { kind: 'made', id: 'x', revision: '0', bytes: Buffer.alloc(0) },
    ...facts,
  };
  return {
    fileId: fileIdOf(item.domain, item.relativePath),
    item,
    encryptionKey: undefined,
    digest: undefined,
    ...rest,
  };
}

test('a record of Manifest.mbdb', () => {
  const facts = {
    relativePath: 'Library/SMS/sms.db',
    inode: 0x1234,
    modified: 1_300_000_000,
    changed: 1_300_000_001,
    born: 1_200_000_000,
    sizeBytes: 1,
    extendedAttributes: { 'com.apple.test': Buffer.from([1, 2]) },
  };
  const digest = createHash('sha1').update('x').digest();
  const bytes = Buffer.concat([MBDB_MAGIC, encodeMbdbRecord(record(facts, { digest }))]);
  expect(bytes.toString('hex')).toBe(
    '6d6264620500000a486f6d65446f6d61696e00124c6962726172792f534d532f736d732e6462ffff001411f6ad8ec52a2984abaafd7c3b516503785c2072ffff81a40000000000001234000001f5000001f54d7c6d004d7c6d0147868c0000000000000000010301000e636f6d2e6170706c652e7465737400020102',
  );
});

/** Written by Python plistlib for the same file. */
const BLOB = `
YnBsaXN0MDDUAQIDBAUGBwpYJHZlcnNpb25ZJGFyY2hpdmVyVCR0b3BYJG9iamVjdHMSAAGGoF8QD05TS2V5ZWRBcmNoaXZlctEICVRyb290gAGnCwwoKSou
NVUkbnVsbN4NDg8QERITFBUWFxgZGhscHR4fICAhIiMkJSYnXFJlbGF0aXZlUGF0aFZEaWdlc3RdRW5jcnlwdGlvbktleVRNb2RlW0lub2RlTnVtYmVyVlVz
ZXJJRFdHcm91cElEXExhc3RNb2RpZmllZF8QEExhc3RTdGF0dXNDaGFuZ2VVQmlydGhUU2l6ZV8QD1Byb3RlY3Rpb25DbGFzc1VGbGFnc1YkY2xhc3OAAoAD
gAQRgaQSAAEichEB9RJlU/EAEmVT8QESX14QABAMEAMQAIAGXxAqTGlicmFyeS9QcmVmZXJlbmNlcy9jb20uZXhhbXBsZS50ZXN0LnBsaXN0TxAUtSkb+9do
9gg/rsigmGtfOPZk7rbSKxosLVdOUy5kYXRhTxAsAwAAAOdvWWtFJ6HEme4EwiNcsEhyW0MxHGuWX/Qqn1DJj0IQFBe7H11zLiKABdIvMDEyWiRjbGFzc25h
bWVYJGNsYXNzZXNdTlNNdXRhYmxlRGF0YaMxMzRWTlNEYXRhWE5TT2JqZWN00i8wNjdWTUJGaWxlojY0AAgAEQAaACQAKQAyADcASQBMAFEAUwBbAGEAfgCL
AJIAoAClALEAuADAAM0A4ADmAOsA/QEDAQoBDAEOARABEwEYARsBIAElASoBLAEuATABMgFfAXYBewGDAbIBtAG5AcQBzQHbAd8B5gHvAfQB+wAAAAAAAAIB
AAAAAAAAADgAAAAAAAAAAAAAAAAAAAH+`;

test('an MBFile blob holds what that of another writer holds', () => {
  const facts = {
    relativePath: 'Library/Preferences/com.example.test.plist',
    inode: 74354,
    modified: 1_700_000_000,
    changed: 1_700_000_001,
    born: 1_600_000_000,
    sizeBytes: 12,
  };
  const digest = createHash('sha1').update(hex('c119c8d757d39314fad75898d8683eed')).digest();
  const ours = encodeMbFile(record(facts, { digest, encryptionKey: ENCRYPTION_KEY }));
  const resolve = (blob: Buffer) => {
    const archive = parseBuffer(blob)[0] as { $top: { root: { UID: number } }; $objects: unknown[] };
    const follow = (value: unknown): unknown => {
      const uid = (value as { UID?: number } | null)?.UID;
      if (uid !== undefined) return follow(archive.$objects[uid]);
      if (Buffer.isBuffer(value)) return value.toString('hex');
      if (Array.isArray(value)) return value.map(follow);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, follow(inner)]));
    };
    return follow(archive.$top.root);
  };
  expect(resolve(ours)).toEqual(resolve(Buffer.from(BLOB, 'base64')));
});

test('a finished Status.plist has the 189 bytes seen in logs of real phones', () => {
  const uuid = '8F2B0C1D-1111-4222-A333-444455556666';
  const facts = { version: '3.3', uuid, date: new Date(1_700_000_000_000), state: 'finished', isFull: true } as const;
  expect(encodeStatus(facts)).toHaveLength(189);
});
