/** Known answers (fixtures/formats/vectors.json tells where they come from). */
import { createDecipheriv, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ClassKeys, deriveKek } from '../../src/backup/format/class-keys.js';
import { unwrapKey } from '../../src/backup/format/key-wrap.js';
import { parseKeybag } from '../../src/backup/format/keybag.js';
import { fileIdFor, parseMbdbRecord, readMbdb } from '../../src/backup/format/mbdb.js';
import { parseMbFile } from '../../src/backup/format/mbfile.js';
import { openAuthData } from '../../src/backup/format/mdinfo.js';
import { EncryptedContent } from '../../src/backup/reader/content.js';
import { openRecord100, recordKey } from '../../src/backup/reader/keys.js';
import { fileInMemory } from '../support/file-in-memory.js';

const vectors = JSON.parse(readFileSync(new URL('../../fixtures/formats/vectors.json', import.meta.url), 'utf8'));
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

test('fileIDs', () => {
  for (const [domain, path, id] of vectors.fileIds) expect(fileIdFor(domain, path)).toBe(id);
});

const { doubleSalt, salt, cases, realCost } = vectors.derivation;

async function kekOf(known: {
  password: string;
  doubleIterations: number | null;
  iterations: number;
}): Promise<string> {
  const bag = { version: 4, type: 1, classes: [] };
  const derivation = { salt: hex(salt), iterations: known.iterations };
  const double = known.doubleIterations;
  const doubleProtection = double === null ? undefined : { salt: hex(doubleSalt), iterations: double };
  return (await deriveKek(hex(known.password), { ...bag, derivation, doubleProtection })).toString('hex');
}

test('key derivation, both generations', async () => {
  for (const known of cases) expect(await kekOf(known)).toBe(known.kek);
});

test.runIf(process.env['IBK_TEST_REAL_COST'] === '1')('key derivation as a phone asks for it', async () => {
  expect(await kekOf(realCost)).toBe(realCost.kek);
});

test('key wrap', () => {
  const { kek, key, wrapped } = vectors.keyWrap;
  expect(unwrapKey(hex(kek), hex(wrapped))?.toString('hex')).toBe(key);
  expect(unwrapKey(hex(key), hex(wrapped))).toBeUndefined();
  expect(unwrapKey(hex(kek), hex(wrapped).subarray(1))).toBeUndefined();
});

test('a keybag, the manifest key and the key of a file', async () => {
  const bag = parseKeybag(hex(vectors.keybag.bytes));
  expect(bag.classes.map(({ protectionClass }) => protectionClass)).toEqual([3, 4, 6]);
  const keys = ClassKeys.open(bag, await deriveKek(Buffer.from(vectors.keybag.password), bag))!;
  for (const known of [vectors.manifestKey, vectors.encryptionKey])
    expect(keys.unwrap(hex(known.wrapped)).toString('hex')).toBe(known.key);
  for (const { protectionClass, wrappedKey } of bag.classes)
    expect(unwrapKey(await deriveKek(Buffer.from('correct horse'), bag), wrappedKey!)?.toString('hex')).toBe(
      vectors.keybag.classKeys[protectionClass],
    );
  expect(ClassKeys.open(bag, await deriveKek(Buffer.from('correct hors'), bag))).toBeUndefined();
});

test('contents', async () => {
  for (const { plain, stored, sha1 } of vectors.contents) {
    const bytes = hex(stored);
    expect(createHash('sha1').update(bytes).digest('hex')).toBe(sha1);
    const content = new EncryptedContent(fileInMemory(bytes), { key: hex(vectors.encryptionKey.key) });
    expect(content.readWhole().toString('hex')).toBe(plain);
    expect(content.plainBytes()).toBe(plain.length / 2);
    const pieces: Buffer[] = [];
    for await (const piece of content.pieces()) pieces.push(Buffer.from(piece));
    expect(Buffer.concat(pieces).toString('hex')).toBe(plain);
  }
});

test('an MBFile', () => {
  expect(parseMbFile(Buffer.from(vectors.mbFile.base64, 'base64'))).toEqual({
    mode: 0o100644,
    sizeBytes: 12,
    mtime: 1_700_000_000,
    ctime: 1_700_000_001,
    btime: 1_600_000_000,
    target: undefined,
    userId: 501,
    groupId: 501,
    inode: 74_354n,
    protectionClass: 3,
    wrappedKey: hex(vectors.encryptionKey.wrapped),
    digest: hex(vectors.contents[1].sha1),
    extendedAttributes: undefined,
  });
});

test('an mbdb', () => {
  expect([...readMbdb(hex(vectors.mbdb.bytes))]).toEqual([
    {
      domain: 'HomeDomain',
      relativePath: 'Library/SMS/sms.db',
      target: undefined,
      digest: hex(vectors.mbdb.digest),
      wrappedKey: undefined,
      mode: 0o100644,
      inode: 0x1234n,
      userId: 501,
      groupId: 501,
      mtime: 1_300_000_000,
      ctime: 1_300_000_001,
      btime: 1_200_000_000,
      sizeBytes: 1n,
      protectionClass: 3,
      attributes: [[vectors.mbdb.propertyName, hex(vectors.mbdb.propertyValue)]],
    },
  ]);
});

test('an mbdx: the index that iOS 4 writes says of each record what the mbdb says itself', () => {
  const index = hex(vectors.mbdx);
  expect(index.subarray(0, 6).toString('latin1')).toBe('mbdx\x02\x00');
  expect([index.readUInt32BE(6), index.length]).toEqual([1, 10 + 26]);
  // Of each: the fileID, where the record begins behind the six bytes of the start, the mode.
  const { record, end } = parseMbdbRecord(hex(vectors.mbdb.bytes), 6 + index.readUInt32BE(30)) ?? {};
  expect(fileIdFor(record?.domain ?? '', record?.relativePath ?? '')).toBe(index.toString('hex', 10, 30));
  expect([record?.mode, end]).toEqual([index.readUInt16BE(34), vectors.mbdb.bytes.length / 2]);
});

test('an item of the keychain: its key unwraps with the class keys of the bag', async () => {
  const { data, key, plain } = vectors.keychainItem;
  const item = hex(data);
  const [version, protectionClass, length] = [0, 4, 8].map((at) => item.readUInt32LE(at));
  expect([version, protectionClass, length]).toEqual([3, 6, 40]);
  const bag = parseKeybag(hex(vectors.keybag.bytes));
  const keys = ClassKeys.open(bag, await deriveKek(Buffer.from(vectors.keybag.password), bag))!;
  // A key of a file has its class in the same four bytes, and then the wrapped key.
  const unwrapped = keys.unwrap(Buffer.concat([item.subarray(4, 8), item.subarray(12, 52)]));
  expect(unwrapped.toString('hex')).toBe(key);
  // GCM with a vector of no bytes: its counter begins at one. OpenSSL knows no such vector, so without the tag.
  const counter = Buffer.alloc(16);
  counter.writeUInt8(1, 15);
  const opened = createDecipheriv('aes-256-ctr', unwrapped, counter).update(item.subarray(52, -16));
  expect(opened.toString()).toBe(plain);
});

test('a record of iOS 10.0', () => {
  const { password, salt, key, plain, base64 } = vectors.record100;
  const made = recordKey(Buffer.from(password), Buffer.from(salt));
  expect(made.toString('hex')).toBe(key);
  expect(openRecord100(base64, made).toString()).toBe(plain);
});

test('the keys of iPhone OS 3', async () => {
  const { password, bytes, key } = vectors.authData;
  expect((await openAuthData(hex(bytes), Buffer.from(password)))?.toString('hex')).toBe(key);
  expect(await openAuthData(hex(bytes), Buffer.from('Secret'))).toBeUndefined();
});
