/** A record without its key: what else stands in it stays, whatever shape it has. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { buildMbdbRecord, editMbdb } from '../../src/backup/format/mbdb-edit.js';
import { editMbdbManifest } from '../../src/backup/reader/mbdb-manifest-edit.js';
import { withoutEncryption } from '../../src/backup/format/mbfile-edit.js';
import { buildBinaryPlist, parsePlist } from '../../src/plist/codec.js';
import { type PlistDict, plistDict, PlistUid, type PlistValue } from '../../src/plist/value.js';

const KEY = Buffer.alloc(44, 0xee);
const OLD = Buffer.alloc(20, 1);
const NEW = createHash('sha1').update('plain').digest();
const sha1 = (bytes: number) => (bytes === 20 ? NEW : undefined);

function archive(file: Record<string, PlistValue>, ...others: PlistValue[]): Buffer {
  return buildBinaryPlist(
    plistDict({
      $version: 100_000,
      $archiver: 'NSKeyedArchiver',
      $top: plistDict({ root: new PlistUid(1) }),
      $objects: ['$null', plistDict(file), ...others],
    }),
  );
}

function opened(bytes: Buffer): { file: PlistDict; objects: PlistValue[] } {
  const top = parsePlist(bytes, 'x') as PlistDict;
  const objects = top['$objects'] as PlistValue[];
  const root = (top['$top'] as PlistDict)['root'] as PlistUid;
  return { file: objects[root.value] as PlistDict, objects };
}

const uid = (value: number) => new PlistUid(value);
const MUTABLE = plistDict({ $classname: 'NSMutableData', $classes: ['NSMutableData', 'NSData', 'NSObject'] });

describe('MBFile', () => {
  test('the usual shape: the key, its class and its bytes are gone, the digest is new, the rest is as it was', () => {
    const before = archive(
      { RelativePath: uid(2), Digest: uid(3), EncryptionKey: uid(4), Size: 12, Unheard: uid(6), $class: uid(7) },
      'Library/SMS/sms.db',
      OLD,
      plistDict({ 'NS.data': KEY, $class: uid(5) }),
      MUTABLE,
      plistDict({ strange: [1, uid(2)] }),
      plistDict({ $classname: 'MBFile', $classes: ['MBFile', 'NSObject'] }),
    );
    const after = withoutEncryption(before, sha1);
    expect(after.includes(KEY)).toBe(false);
    const { file, objects } = opened(after);
    expect(Object.keys(file)).toEqual(['RelativePath', 'Digest', 'Size', 'Unheard', '$class']);
    const at = (key: string) => objects[(file[key] as PlistUid).value];
    expect(at('RelativePath')).toBe('Library/SMS/sms.db');
    expect(at('Digest')).toEqual(NEW);
    expect(file['Size']).toBe(12);
    expect(((at('Unheard') as PlistDict)['strange'] as PlistValue[])[1]).toEqual(file['RelativePath']);
    expect((at('$class') as PlistDict)['$classname']).toBe('MBFile');
    expect(objects).toHaveLength(6);
  });
  test.each([
    ['inline', OLD, []],
    ['inline, mutable', plistDict({ 'NS.data': OLD, $class: uid(2) }), [MUTABLE]],
    ['behind a UID, mutable', uid(2), [plistDict({ 'NS.data': OLD, $class: uid(3) }), MUTABLE]],
    ['behind two', uid(2), [plistDict({ 'NS.data': uid(3) }), OLD]],
  ] as [string, PlistValue, PlistValue[]][])('a digest %s keeps its shape', (_, digest, others) => {
    const before = archive({ Digest: digest, EncryptionKey: KEY }, ...others);
    const after = withoutEncryption(before, sha1);
    expect(after).toEqual(archive({ Digest: replaced(digest) }, ...others.map(replaced)));
  });
  test('a digest that nobody can make is left out; none stays none', () => {
    expect(opened(withoutEncryption(archive({ Digest: Buffer.alloc(7) }), sha1)).file).toEqual(plistDict());
    expect(opened(withoutEncryption(archive({ Size: 2n ** 60n }), sha1)).file).toEqual(plistDict({ Size: 2n ** 60n }));
  });
  test.each([Buffer.from('garbage'), Buffer.alloc(0), buildBinaryPlist(plistDict({ $objects: [] }))])(
    '%j is damaged',
    (bytes) => {
      expect(() => withoutEncryption(bytes, sha1)).toThrow(
        expect.objectContaining({ code: 'damaged', reason: 'record' }),
      );
    },
  );
});

function replaced(value: PlistValue): PlistValue {
  if (value === OLD) return NEW;
  if (typeof value !== 'object' || !('NS.data' in value)) return value;
  return plistDict({ ...value, 'NS.data': replaced(value['NS.data'] ?? '') });
}

const mbdbField = (value: Buffer | string | null) => {
  if (value === null) return Buffer.from([0xff, 0xff]);
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
};

function mbdbRecord(domain: string, path: string, digest: Buffer | null, key: Buffer | null): Buffer {
  const fixed = Buffer.alloc(40, 7);
  fixed[39] = 1;
  const attribute = [mbdbField('com.apple.x'), mbdbField(Buffer.from([0xff, 0xfe]))];
  return Buffer.concat([
    mbdbField(domain),
    mbdbField(path),
    mbdbField(null),
    mbdbField(digest),
    mbdbField(key),
    fixed,
    ...attribute,
  ]);
}

describe('Manifest.mbdb', () => {
  const header = Buffer.from('6d6264620500', 'hex');
  const bytes = Buffer.concat([
    header,
    mbdbRecord('HomeDomain', '', null, null),
    mbdbRecord('HomeDomain', 'ä.db', OLD, KEY),
  ]);
  test('only what changes changes', () => {
    const seen: unknown[] = [];
    const same = Buffer.concat([...editMbdb(bytes, (...record) => void seen.push(record))]);
    expect(same).toEqual(bytes);
    expect(seen).toEqual([
      ['HomeDomain', '', null],
      ['HomeDomain', 'ä.db', OLD],
    ]);
    const plain = Buffer.concat([
      ...editMbdb(bytes, (_, path) => (path === '' ? undefined : { digest: NEW, key: null })),
    ]);
    expect(plain).toEqual(
      Buffer.concat([header, mbdbRecord('HomeDomain', '', null, null), mbdbRecord('HomeDomain', 'ä.db', NEW, null)]),
    );
  });
  test('a file of other content, one that goes, one that comes, and one that goes and comes again', async () => {
    const record = (path: string) => ({
      fileId: createHash('sha1').update(`HomeDomain-${path}`).digest('hex'),
      ...{ domain: 'HomeDomain', relativePath: path, mode: 0o100644, inode: 0x0102030405060708n },
      ...{ userId: 501, groupId: 502, time: 0x5f5e1000, sizeBytes: 0x11223344, protectionClass: 3 },
      ...{ digest: NEW, wrappedKey: KEY },
    });
    const [changed, gone, again, fresh] = [record('ä.db'), record('gone'), record('again'), record('neu')];
    const others = ['gone', 'again'].map((path) => mbdbRecord('HomeDomain', path, OLD, KEY));
    using edit = editMbdbManifest(Buffer.concat([bytes, ...others]), () => undefined);
    expect(edit.has(gone.fileId)).toBe(true);
    for (const { fileId } of [gone, again]) edit.remove(fileId);
    for (const item of [changed, again, { ...fresh, digest: undefined, wrappedKey: undefined }]) edit.put(item);
    expect([changed, gone, again, fresh].map(({ fileId }) => edit.has(fileId))).toEqual([true, false, true, true]);
    const pieces: Buffer[] = [];
    for await (const piece of edit.pieces()) pieces.push(piece);
    const kept = mbdbRecord('HomeDomain', 'ä.db', NEW, KEY);
    // Behind the fixed part: 1 attribute of 11 bytes and its value of 2.
    const fixed = kept.length - (2 + 11) - (2 + 2) - 40;
    for (const at of [18, 22]) kept.writeUInt32BE(0x5f5e1000, fixed + at);
    kept.writeBigUInt64BE(0x11223344n, fixed + 30);
    const made = Buffer.from('81a40102030405060708000001f5000001f65f5e10005f5e10005f5e100000000000112233440300', 'hex');
    const added = (path: string, digest: Buffer | null, key: Buffer | null) =>
      Buffer.concat([...['HomeDomain', path, null, digest, key].map(mbdbField), made]);
    expect(Buffer.concat(pieces)).toEqual(
      Buffer.concat([
        ...[header, mbdbRecord('HomeDomain', '', null, null), kept],
        ...[added('again', NEW, KEY), added('neu', null, null)],
      ]),
    );
  });
  test('a time and a class that the record cannot hold', () => {
    const odd = { domain: 'HomeDomain', relativePath: 'x', digest: undefined, wrappedKey: undefined, mode: 0o100644 };
    const record = { ...odd, inode: 1n, userId: 0, groupId: 0, sizeBytes: 0, protectionClass: 0x103 };
    const fixed = (time: number) =>
      buildMbdbRecord({ ...record, time })
        .subarray(-40)
        .toString('hex', 18);
    expect(fixed(-5)).toBe(`${'00000000'.repeat(3)}${'00'.repeat(8)}0300`);
    expect(fixed(2 ** 33)).toBe(`${'ffffffff'.repeat(3)}${'00'.repeat(8)}0300`);
  });
  test('cut anywhere in a record it is damaged', () => {
    for (let length = bytes.length - 1; length > header.length; length -= 3) {
      const isWhole = length === header.length + mbdbRecord('HomeDomain', '', null, null).length;
      if (!isWhole) expect(() => [...editMbdb(bytes.subarray(0, length), () => undefined)]).toThrow('damaged');
    }
  });
});
