/** A packed Manifest.db reads as the plain one, anywhere; what is damaged or forged is told of, and is never more than was recorded. */
import { createHash, randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Catalog } from '../../src/backup/records/catalog.js';
import { storeContext } from '../../src/backup/records/context.js';
import { DiskFileSystem } from '../../src/backup/disk/disk-file-system.js';
import type { ReadableFile } from '../../src/backup/disk/file-system.js';
import type { Head } from '../../src/backup/records/head-record.js';
import { sha256OfFile } from '../../src/backup/records/identity.js';
import { dropKept } from '../../src/backup/versions/kept-content.js';
import { StoreLayout } from '../../src/backup/records/layout.js';
import { packManifests } from '../../src/backup/versions/pack-manifests.js';
import { openPacked, packedMembers, plainSizeOf } from '../../src/backup/versions/packed-manifest.js';
import { fileInMemory } from '../support/file-in-memory.js';
import { Random } from '../support/random.js';

const UDID = '00008110-00112233aabbccdd';
const folder = mkdtempSync(join(tmpdir(), 'ibk-packed-'));
const fs = new DiskFileSystem(folder);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MEMBER = 1024 * 1024;
/** Half of it says little, as rows of a manifest do. */
const database = (size: number) => {
  const bytes = Buffer.alloc(size, 'AppDomain-com.example.app/Library/Caches ');
  for (let at = 4096; at + 20 < size; at += 100) randomBytes(20).copy(bytes, at);
  bytes.write('SQLite format 3\0', 0, 'latin1');
  return bytes;
};
const identity = (plain: Buffer) => ({ size: plain.length, mtimeUs: 1_700_000_000_000_001, sha256: null });

async function packed(plain: Buffer): Promise<Buffer> {
  const members: Buffer[] = [];
  for await (const member of packedMembers(fileInMemory(plain), plain.length)) members.push(member);
  return Buffer.concat(members);
}

function opened(bytes: Buffer, plain: Buffer): ReadableFile {
  writeFileSync(join(folder, 'manifest.gz'), bytes);
  const file = openPacked(fs, 'manifest.gz', identity(plain));
  if (file === undefined) throw new Error('not there');
  return file;
}

test.each([5000, MEMBER - 1, MEMBER, MEMBER + 1, 3 * MEMBER + 77])('%i bytes read back, anywhere', async (size) => {
  const plain = database(size);
  const bytes = await packed(plain);
  // What other programs make of it.
  expect(gunzipSync(bytes).equals(plain)).toBe(true);
  const file = opened(bytes, plain);
  expect(plainSizeOf(fs, 'manifest.gz')).toBe(size);
  expect(file.stat()).toMatchObject({ kind: 'file', sizeBytes: size, mtimeUs: 1_700_000_000_000_001 });
  expect(sha256OfFile(file)).toBe(createHash('sha256').update(plain).digest('hex'));
  const random = new Random(size);
  for (let tries = 0; tries < 50; tries++) {
    const [position, length] = [random.below(size + 10), random.below(2 * MEMBER)];
    const into = Buffer.alloc(length);
    const count = file.read(into, position);
    expect(into.subarray(0, count).equals(plain.subarray(position, position + length))).toBe(true);
  }
  file.close();
});

test('what would not pay or is cut off stays as it is', async () => {
  const isWhole = async (plain: Buffer, size = plain.length) => {
    const members: Buffer[] = [];
    for await (const member of packedMembers(fileInMemory(plain), size)) members.push(member);
    return members.length === Math.ceil(size / MEMBER);
  };
  const plain = database(2 * MEMBER);
  expect(await isWhole(plain)).toBe(true);
  expect(await isWhole(randomBytes(2 * MEMBER))).toBe(false);
  expect(await isWhole(Buffer.concat([plain.subarray(0, 100), randomBytes(2 * MEMBER)]))).toBe(false);
  expect(await isWhole(plain, plain.length + 1)).toBe(false);
});

test('of what is encrypted, or not of its recorded size, not even a file is begun', async () => {
  const changes: string[] = [];
  const disk = new DiskFileSystem(folder, { beforeChange: (call) => changes.push(call) });
  const ctx = storeContext(disk, new StoreLayout(UDID));
  const id = '20260102-030405-v0123456';
  const slot = ctx.layout.slot(id, 'Manifest.db');
  mkdirSync(join(folder, dirname(slot)), { recursive: true });
  const [plain, sha256] = [database(2 * MEMBER), 'ab'.repeat(32)];
  for (const [content, size] of [
    [randomBytes(2 * MEMBER), 2 * MEMBER],
    [plain, plain.length + 1],
    // More than the form can say.
    [plain, 2 ** 50],
  ] as const) {
    writeFileSync(join(folder, slot), content);
    const kept = () => [{ seq: 1, at: id, identity: { size, mtimeUs: 0, sha256 } }];
    const catalog = { version: () => undefined, kept } as unknown as Catalog;
    await packManifests(ctx, catalog, { chain: [] } as unknown as Head);
    expect(changes).toEqual([]);
  }
});

test('a folder in the place of what is forgotten stops nothing', () => {
  const place = { fs, layout: new StoreLayout(UDID) };
  const id = '20260103-030405-v0123456';
  const [slot, packedPlace] = [place.layout.slot(id, 'Manifest.db'), place.layout.packed(id)];
  for (const path of [slot, packedPlace]) mkdirSync(join(folder, path), { recursive: true });
  dropKept(place, id, 'Manifest.db');
  expect([slot, packedPlace].map((path) => fs.stat(path)?.kind)).toEqual(['directory', 'directory']);
  for (const path of [slot, packedPlace]) rmSync(join(folder, path), { recursive: true });
  for (const path of [slot, packedPlace]) writeFileSync(join(folder, path), 'content');
  dropKept(place, id, 'Manifest.db');
  expect([slot, packedPlace].map((path) => fs.stat(path))).toEqual([undefined, undefined]);
});

test('damage is told of wherever it is', async () => {
  const plain = database(2 * MEMBER + 500);
  const bytes = await packed(plain);
  const random = new Random(7);
  const read = (damaged: Buffer) => {
    const file = opened(damaged, plain);
    try {
      return sha256OfFile(file);
    } finally {
      file.close();
    }
  };
  const whole = read(bytes);
  const isDamaged = expect.objectContaining({ code: 'damaged', reason: 'manifest', details: { path: 'manifest.gz' } });
  const cuts = [0, 1, 25, 26, 27, bytes.length - 1, ...Array.from({ length: 20 }, () => random.below(bytes.length))];
  for (const length of cuts) expect(() => read(bytes.subarray(0, length))).toThrow(isDamaged);
  let told = 0;
  for (let tries = 0; tries < 100; tries++) {
    const flipped = Buffer.from(bytes);
    const at = random.below(bytes.length);
    flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << random.below(8)), at);
    try {
      expect(read(flipped)).toBe(whole);
    } catch (error) {
      expect(error).toEqual(isDamaged);
      told += 1;
    }
  }
  expect(told).toBeGreaterThan(95);
});

test('a forged one ends with an error, and nothing becomes larger than its part', async () => {
  const plain = database(2 * MEMBER);
  const bytes = await packed(plain);
  const member = (rest: Buffer, memberBytes: number, plainBytes = plain.length) => {
    const header = Buffer.from(bytes.subarray(0, 26));
    header.writeUInt32LE(memberBytes, 16);
    header.writeUIntLE(plainBytes, 20, 6);
    return Buffer.concat([header, rest]);
  };
  const bomb = gzipSync(Buffer.alloc(200 * MEMBER), { level: 9 }).subarray(10);
  const two = Buffer.concat([gzipSync(Buffer.alloc(MEMBER)).subarray(10), gzipSync(Buffer.alloc(MEMBER))]);
  const forged = {
    'a bomb': member(bomb, 26 + bomb.length),
    'two in one': member(two, 26 + two.length),
    'a member of no length': member(bomb, 0),
    'a member longer than the file': member(bomb, MEMBER),
    'a member of gigabytes': member(bomb, 0xffffffff),
    'another size': member(bytes.subarray(26), bytes.readUInt32LE(16), 2 ** 45),
    'another file': randomBytes(5000),
    'one that another program made': gzipSync(plain),
  };
  for (const [what, content] of Object.entries(forged)) {
    const file = opened(content, plain);
    const before = process.memoryUsage().arrayBuffers;
    expect(() => sha256OfFile(file), what).toThrow(expect.objectContaining({ code: 'damaged', reason: 'manifest' }));
    expect(process.memoryUsage().arrayBuffers - before, what).toBeLessThan(20 * MEMBER);
    file.close();
  }
});

test('a time is kept to the microsecond, until 2039', () => {
  const random = new Random(3);
  for (let tries = 0; tries < 300; tries++) {
    const mtimeUs = 1_500_000_000_000_000 + random.below(6 * 10 ** 14);
    const file = fs.create(`time-${tries}`);
    file.setModified(mtimeUs);
    expect(file.stat().mtimeUs).toBe(mtimeUs);
    file.close();
  }
});
