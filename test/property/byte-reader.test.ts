import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import { ByteReader } from '../../src/io/byte-reader.js';

const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 30 });

function feed(stream: PassThrough, bytes: Buffer, sizes: readonly number[]): void {
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) break;
    stream.write(bytes.subarray(at, at + size));
    at += size;
  }
  if (at < bytes.length) stream.write(bytes.subarray(at));
  stream.end();
}

test('bytes come out whole and in order under any cutting, whichever way they are asked for', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 400 }),
      cuts,
      cuts,
      fc.integer({ min: 0, max: 4 }),
      async (array, written, read, how) => {
        const bytes = Buffer.from(array);
        const stream = new PassThrough();
        const reader = new ByteReader(stream);
        feed(stream, bytes, written);
        const got: Buffer[] = [];
        let at = 0;
        for (const size of [...read, bytes.length]) {
          const wanted = Math.min(size, bytes.length - at);
          if (wanted === 0) continue;
          if (how === 0) got.push(await reader.exactly(wanted));
          else if (how === 1) for await (const view of reader.body(wanted)) got.push(view);
          else if (how === 2) got.push(reader.take(wanted) ?? (await reader.exactly(wanted)));
          else if (how === 4) {
            await reader.arrival(wanted);
            for (let left = wanted; left > 0; )
              left -= (got[got.push(reader.part(left) as Buffer) - 1] as Buffer).length;
          } else
            for (let left = wanted; left > 0; ) left -= (got[got.push(await reader.some(left)) - 1] as Buffer).length;
          at += wanted;
        }
        expect(Buffer.concat(got).equals(bytes)).toBe(true);
        await expect(reader.exactly(1)).rejects.toMatchObject({ code: 'connection_lost' });
      },
    ),
  );
});

test('rest() gives back exactly what was not consumed, and the stream goes on behind it', async () => {
  const stream = new PassThrough();
  const reader = new ByteReader(stream);
  stream.write('headtail');
  expect(String(await reader.exactly(4))).toBe('head');
  const rest = reader.rest();
  expect(String(rest)).toBe('tail');
  stream.unshift(rest);
  stream.end('more');
  const next = new ByteReader(stream);
  expect(String(await next.exactly(8))).toBe('tailmore');
});

test('an aborted read rejects with the reason and loses nothing', async () => {
  const stream = new PassThrough();
  const reader = new ByteReader(stream);
  const controller = new AbortController();
  const pending = reader.exactly(3, controller.signal);
  controller.abort(new IbkError('timeout', 'late'));
  await expect(pending).rejects.toMatchObject({ code: 'timeout' });
  stream.write('abc');
  expect(String(await reader.exactly(3))).toBe('abc');
});

test('a stream that fails gives its IbkError, after the bytes that came before', async () => {
  const stream = new PassThrough();
  const reader = new ByteReader(stream);
  stream.write('ab');
  expect(String(await reader.exactly(2))).toBe('ab');
  stream.destroy(new IbkError('connection_lost', 'gone', { reason: 'detached' }));
  await expect(reader.exactly(1)).rejects.toMatchObject({ code: 'connection_lost', reason: 'detached' });
});

test('more than a mebibyte unread pauses the stream, and reading on resumes it', async () => {
  const stream = new PassThrough();
  const reader = new ByteReader(stream);
  const total = 8 * 1024 * 1024;
  const writing = (async () => {
    for (let sent = 0; sent < total; sent += 65536)
      if (!stream.write(Buffer.alloc(65536))) await new Promise((resolve) => stream.once('drain', resolve));
  })();
  await reader.exactly(1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(reader.buffered).toBeLessThan(2 * 1024 * 1024);
  let got = 1;
  for await (const view of reader.body(total - 1)) got += view.length;
  expect(got).toBe(total);
  await writing;
});

test('what came before the end is still read, although the signal has aborted', async () => {
  const stream = new PassThrough();
  const reader = new ByteReader(stream);
  const ended = once(stream, 'end');
  stream.end('last word');
  await ended;
  const gone = AbortSignal.abort(new IbkError('connection_lost', 'gone'));
  expect((await reader.exactly(4, gone)).toString()).toBe('last');
  expect((await reader.some(9, gone)).toString()).toBe(' word');
  await expect(reader.exactly(1, gone)).rejects.toThrow('gone');
});

test('between two turns no more than is worth one is read, and a turn takes in what has arrived', async () => {
  const stream = new PassThrough({ highWaterMark: 1024 * 1024 });
  const reader = new ByteReader(stream);
  stream.write(Buffer.alloc(300 * 1024));
  await reader.exactly(100 * 1024);
  expect(reader.turn()).toBeUndefined();
  await reader.exactly(100 * 1024);
  const turn = reader.turn();
  expect(turn).toBeInstanceOf(Promise);
  expect(reader.turn()).toBeUndefined();
  const before = reader.received;
  setImmediate(() => stream.write(Buffer.alloc(1000)));
  await turn;
  await new Promise((resolve) => setImmediate(resolve));
  expect(reader.received).toBe(before + 1000);
  stream.end();
  await once(stream, 'end');
  await reader.exactly(reader.buffered);
  expect(reader.turn()).toBeUndefined();
});
