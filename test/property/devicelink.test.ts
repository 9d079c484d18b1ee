import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pathInFolder } from '../../src/backup/receive/wire-path.js';
import { IbkError } from '../../src/errors.js';
import { ByteReader } from '../../src/io/byte-reader.js';
import { Patience } from '../../src/protocol/devicelink/patience.js';
import { ProgressMeter } from '../../src/protocol/devicelink/progress.js';
import { receiveUploads } from '../../src/protocol/devicelink/uploads.js';
import { PassThrough } from 'node:stream';
import { MemoryHost } from '../support/memory-host.js';

const UDID = '00008120-5100000000000001';

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function uploadBytes(files: readonly { name: string; blocks: readonly Uint8Array[]; fails: boolean }[]): Buffer {
  const parts = files.flatMap(({ name, blocks, fails }) => {
    const path = Buffer.from(name);
    const data = blocks.flatMap((block) => [u32(block.length + 1), Buffer.of(0x0c), Buffer.from(block)]);
    const end = fails ? [u32(3), Buffer.of(0x0b), Buffer.from('no')] : [u32(1), Buffer.of(0)];
    return [u32(2), Buffer.from('/d'), u32(path.length), path, ...data, ...end];
  });
  return Buffer.concat([...parts, u32(0)]);
}

async function receive(bytes: Buffer, cuts: readonly number[]): Promise<{ host: MemoryHost; failed: string[] }> {
  const stream = new PassThrough();
  const reader = new ByteReader(stream);
  const host = new MemoryHost();
  const failed: string[] = [];
  const receiving = receiveUploads({
    reader,
    host,
    signal: new AbortController().signal,
    stopped: new AbortController().signal,
    progress: new ProgressMeter(),
    patience: new Patience(() => 0),
    log: undefined,
    onFailed: ({ hostPath }) => void failed.push(hostPath),
    pauseStall: () => () => undefined,
    onHostFailure: (_path, error) => {
      throw error;
    },
  });
  receiving.catch(() => undefined);
  let at = 0;
  for (const cut of [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    if (cut > at) stream.write(bytes.subarray(at, cut));
    at = Math.max(at, cut);
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream.end();
  await receiving;
  return { host, failed };
}

const file = fc.record({
  name: fc.string({ minLength: 1, maxLength: 8 }),
  blocks: fc.array(fc.uint8Array({ minLength: 0, maxLength: 40 }), { maxLength: 3 }),
  fails: fc.boolean(),
});

test('an upload is the same however the stream is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(file, { maxLength: 5, selector: ({ name }) => name }),
      fc.array(fc.nat(), { maxLength: 20 }),
      async (files, cuts) => {
        const { host, failed } = await receive(uploadBytes(files), cuts);
        const whole = files.filter(({ fails }) => !fails);
        expect(new Map(host.files)).toEqual(new Map(whole.map((f) => [f.name, Buffer.concat(f.blocks)])));
        expect(failed).toEqual(files.filter(({ fails }) => fails).map(({ name }) => name));
      },
    ),
    { numRuns: 100 },
  );
});

test('any bytes end in an IbkError or a finished batch', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      try {
        await receive(Buffer.from(bytes), []);
      } catch (error) {
        expect(error).toBeInstanceOf(IbkError);
      }
    }),
    { numRuns: 200 },
  );
});

test("no name leaves the device's folder", () => {
  const part = fc.oneof(
    fc.constantFrom('..', '.', '', UDID, '.ibk', 'C:', 'ab', 'Status.plist', 'a\\b', 'x\0', 'nul', 'ü'),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.boolean(), (parts, own) => {
      const wire = [...(own ? [UDID] : []), ...parts].join('/');
      try {
        const path = pathInFolder(UDID, wire);
        expect(wire.split('/')[0]).toBe(UDID);
        for (const component of path === '' ? [] : path.split('/')) {
          // What a disk cannot hold the overlay refuses; here it is about where a path leads.
          expect(component).not.toMatch(/^\.{0,2}$|[\0\\]|^[A-Za-z]:|^\.ibk$/);
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'unsafe', exit: 16 });
      }
    }),
    { numRuns: 2000 },
  );
});
