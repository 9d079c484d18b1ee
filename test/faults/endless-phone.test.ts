/** A phone that never pauses and never ends: each thing that it may repeat has its limit. */
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { ByteReader } from '../../src/io/byte-reader.js';
import { Patience } from '../../src/protocol/devicelink/patience.js';
import { ProgressMeter } from '../../src/protocol/devicelink/progress.js';
import { Outgoing } from '../../src/protocol/devicelink/outgoing.js';
import { serve } from '../../src/protocol/devicelink/serve.js';
import { type FailedUpload, receiveUploads } from '../../src/protocol/devicelink/uploads.js';
import { MemoryHost } from '../support/memory-host.js';
import { hex } from '../support/scripted-device.js';

const NEVER = new AbortController().signal;
const nothing = () => undefined;

function contextFor(stream: PassThrough, credit: number, host = new MemoryHost()) {
  const progress = new ProgressMeter();
  const failed: FailedUpload[] = [];
  const events = { onRequest: nothing, onFreeSpace: nothing, onHostFailure: nothing };
  return {
    reader: new ByteReader(stream),
    outgoing: new Outgoing(async () => undefined),
    host,
    signal: NEVER,
    stopped: NEVER,
    progress,
    patience: new Patience(() => progress.bytesDone, credit),
    log: undefined,
    failed,
    onFailed: (file: FailedUpload) => void failed.push(file),
    onHostFailure: nothing,
    events: { ...events, onFailedUpload: nothing },
    pauseStall: () => nothing,
  };
}

const NO_PROGRESS = { code: 'device_error', reason: 'no_progress', exit: 25 };

test.each([
  { kind: 'listDirectory', path: 'U' },
  { kind: 'ping' },
  { kind: 'unknown', tag: 'DLMessageFoo' },
  { kind: 'freeDiskSpace' },
  { kind: 'purgeDiskSpace', bytes: 1 },
  { kind: 'createDirectory', path: 'U/x', percent: 1 },
  { kind: 'moveItems', renames: [{ from: 'U/a', to: 'U/b' }], percent: 1 },
  { kind: 'removeItems', paths: [], percent: 1 },
  { kind: 'copyItem', from: 'U/a', to: 'U/b', percent: 1 },
  { kind: 'downloadFiles', paths: [], percent: 1 },
] as const)('$kind without end', async (request) => {
  const context = contextFor(new PassThrough(), 3000);
  const asking = (async () => {
    for (;;) await serve(request, context);
  })();
  await expect(asking).rejects.toMatchObject(NO_PROGRESS);
});

const HEAD = [hex('00000002'), Buffer.from('/d'), hex('00000002'), Buffer.from('ab')];
const WHOLE = hex('00000001 00');

/** Sends `pieces` again and again, as long as they are read. */
async function flooded(context: ReturnType<typeof contextFor>, stream: PassThrough, piece: Buffer): Promise<unknown> {
  let over = false;
  const flood = async () => {
    while (!over) {
      if (!stream.write(piece)) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const flooding = flood();
  const outcome = await receiveUploads(context).catch((error: unknown) => error);
  over = true;
  await flooding;
  return outcome;
}

test.each([
  ['empty files', Buffer.concat([...HEAD, WHOLE])],
  ['files that fail', Buffer.concat([...HEAD, hex('00000003 0b'), Buffer.from('no')])],
])('%s without end', async (_what, piece) => {
  const stream = new PassThrough();
  expect(await flooded(contextFor(stream, 50_000), stream, piece)).toMatchObject(NO_PROGRESS);
});

test('a file of empty pieces without end', async () => {
  const stream = new PassThrough();
  stream.write(Buffer.concat(HEAD));
  expect(await flooded(contextFor(stream, 5000), stream, hex('00000001 0c'))).toMatchObject(NO_PROGRESS);
});

test('a file without end, on a disk that is full: its rest is dropped for a while, then the disk has the word', async () => {
  const host = new MemoryHost();
  host.failWrite = { path: 'ab', afterBytes: 5_000_000, code: 'ENOSPC' };
  const stream = new PassThrough();
  stream.write(Buffer.concat(HEAD));
  const context = contextFor(stream, 1_000_000, host);
  const block = Buffer.concat([hex('00100001 0c'), Buffer.alloc(0x100000)]);
  expect(await flooded(context, stream, block)).toMatchObject({ code: 'ENOSPC' });
  expect(context.progress.bytesDone).toBeLessThan(300_000_000);
});

test('of an error text no more is kept than is worth reading', async () => {
  const stream = new PassThrough();
  const text = Buffer.alloc(60_000, 'x');
  stream.write(Buffer.concat([...HEAD, hex('0000ea61 0b'), text, hex('00000000')]));
  const context = contextFor(stream, 50_000);
  await receiveUploads(context);
  expect(context.failed[0]?.text).toBe('x'.repeat(2048));
});

test('bytes buy more questions', () => {
  let bytes = 0;
  const patience = new Patience(() => bytes, 10);
  patience.spend(10);
  expect(() => patience.spend(1)).toThrow('kept asking');
  bytes = 64 * 5;
  patience.spend(4);
  expect(() => patience.spend(1)).toThrow('kept asking');
});
