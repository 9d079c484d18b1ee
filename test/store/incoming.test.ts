/** Received content on a real disk, where a thread writes most of it: what is told, in which order, and what a failure leaves. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DiskFileSystem } from '../../src/backup/disk/disk-file-system.js';
import { Incoming, type ReceivedBlob } from '../../src/backup/receive/incoming.js';
import { StoreLayout } from '../../src/backup/records/layout.js';

const MiB = 1024 * 1024;
const layout = new StoreLayout('0'.repeat(40));
let root: string;
let incoming: Incoming;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ibk-incoming-'));
  // As the overlay makes it.
  mkdirSync(join(root, layout.inOwn('incoming')), { recursive: true });
  incoming = new Incoming(new DiskFileSystem(root), layout);
});
afterEach(() => {
  incoming.close();
  rmSync(root, { recursive: true, force: true });
});

const place = (number: number) => join(root, layout.blob(number));
const bytesOf = (seed: number, length: number) => Buffer.alloc(length, `${seed} is not ${seed + 1}.`);

/** Written in chunks of an odd length. */
async function send(bytes: Buffer, told: (blob: ReceivedBlob) => void): Promise<void> {
  const writer = incoming.begin();
  for (let at = 0; at < bytes.length; at += 50_021) await writer.write(bytes.subarray(at, at + 50_021));
  await writer.finish(told);
}

test('files of all sizes are told in their order, with what lies on the disk', async () => {
  const lengths = [0, 1, 300_000, 0, MiB - 7, 5, MiB, MiB + 1, 40_000, 5 * MiB + 3, ...Array(100).fill(20_000), 2];
  const told: ReceivedBlob[] = [];
  for (const [n, length] of lengths.entries()) await send(bytesOf(n, length), (blob) => told.push(blob));
  await incoming.settle();
  expect(told.map(({ number }) => number)).toEqual(lengths.map((_, n) => n));
  for (const [n, length] of lengths.entries()) {
    const content = readFileSync(place(n));
    const { mtimeMs, mode } = statSync(place(n));
    expect(content.equals(bytesOf(n, length))).toBe(true);
    expect(mode & 0o777).toBe(0o600);
    expect(told[n]?.identity).toEqual({
      size: length,
      mtimeUs: Math.floor(mtimeMs * 1000),
      sha256: createHash('sha256').update(content).digest('hex'),
    });
  }
  expect(incoming.settle()).toBeUndefined();
});

test('after a rest the thread is gone, and what comes then is received as before', async () => {
  const ends: Promise<unknown>[] = [];
  const count = (worker: Worker) => void ends.push(once(worker, 'exit'));
  process.on('worker', count);
  const told: ReceivedBlob[] = [];
  // The first file of all is not made by a thread: it tells what the disk says of modes.
  const lengths = [10, 700_000, 3 * MiB, 10, 700_000];
  for (const [n, length] of lengths.entries()) {
    await send(bytesOf(n, length), (blob) => told.push(blob));
    await incoming.settle();
    incoming.rest();
  }
  process.off('worker', count);
  expect(ends).toHaveLength(3);
  await Promise.all(ends);
  expect(told.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4]);
  for (const [n, length] of lengths.entries()) {
    const content = readFileSync(place(n));
    expect(content.equals(bytesOf(n, length))).toBe(true);
    expect(told[n]?.identity.sha256).toBe(createHash('sha256').update(content).digest('hex'));
  }
});

test('many empty files are written as they come', async () => {
  let told = 0;
  await send(bytesOf(0, 10), () => {});
  for (let n = 0; n < 20_000; n++) {
    const waiting = incoming.begin().finish(() => {
      told += 1;
    });
    if (waiting !== undefined) await waiting;
  }
  // Before anybody asks.
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toBeGreaterThan(0);
  await incoming.settle();
  expect(told).toBe(20_000);
});

test('one that fails at once does not have another one forgotten that is still being written', async () => {
  let isFull = false;
  const beforeChange = (what: string) => {
    if (isFull && what === 'create') throw Object.assign(new Error('full'), { code: 'ENOSPC' });
  };
  incoming.close();
  incoming = new Incoming(new DiskFileSystem(root, { beforeChange }), layout);
  const told: number[] = [];
  const note = ({ number }: ReceivedBlob) => void told.push(number);
  await send(bytesOf(0, 10), note);
  await incoming.settle();
  await send(bytesOf(1, 700_000), note); // The thread has it.
  const failing = incoming.begin();
  await failing.write(bytesOf(2, 700_000));
  isFull = true;
  void failing.finish(note);
  // It has failed when all that waits for nothing is done.
  for (let turn = 0; turn < 50; turn++) await null;
  await expect(incoming.settle()).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(told).toEqual([0, 1]);
});

test('a rest in the middle of a large file leaves its checksum right', async () => {
  const bytes = bytesOf(1, 5 * MiB);
  const told: ReceivedBlob[] = [];
  await send(bytesOf(0, 10), () => {});
  const writer = incoming.begin();
  await writer.write(bytes.subarray(0, 3 * MiB));
  incoming.rest();
  await writer.write(bytes.subarray(3 * MiB));
  await writer.finish((blob) => told.push(blob));
  await incoming.settle();
  expect(told[0]?.identity.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
});

test.each([
  ['at once', 10],
  ['by the thread', 600_000],
])('one that cannot be written %s keeps no other from it, and is told once', async (_, first) => {
  const told: number[] = [];
  const note = ({ number }: ReceivedBlob) => void told.push(number);
  await send(bytesOf(0, first), note);
  await incoming.settle();
  // In the way of the third.
  mkdirSync(join(place(2), '..'), { recursive: true });
  writeFileSync(place(2), 'here first');
  for (let n = 1; n < 5; n++) await send(bytesOf(n, 10), note);
  await expect(incoming.settle()).rejects.toMatchObject({ code: 'EEXIST' });
  expect(told).toEqual([0, 1, 3, 4]);
  expect(readFileSync(place(2), 'utf8')).toBe('here first');
  await incoming.settle();
  await send(bytesOf(5, 10), note);
  await incoming.settle();
  expect(told).toEqual([0, 1, 3, 4, 5]);
});

test('after a failure nothing more is taken until it was told', async () => {
  await send(bytesOf(0, 10), () => undefined);
  await incoming.settle();
  mkdirSync(join(place(1), '..'), { recursive: true });
  writeFileSync(place(1), 'here first');
  await send(bytesOf(1, 600_000), () => undefined);
  await incoming.quiet();
  expect(() => incoming.begin()).toThrow(expect.objectContaining({ code: 'EEXIST' }));
  await expect(incoming.settle()).rejects.toMatchObject({ code: 'EEXIST' });
  incoming.begin();
});

test.each([100, 3 * MiB])('%i bytes that are not wanted after all leave nothing', async (length) => {
  const writer = incoming.begin();
  await writer.write(bytesOf(1, length));
  await writer.discard();
  await incoming.settle();
  const own = join(root, layout.inOwn('incoming'));
  const files = readdirSync(own, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files).toEqual([]);
});
