/** Device Link against a scripted device on a real socket. Byte vectors: docs/protocol.md, appendix B, and the issue threads it names. */
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/io/clock.js';
import { type PlistValue, plistDict } from '../../src/plist/value.js';
import { DeviceLink } from '../../src/protocol/devicelink/link.js';
import type { LinkEvents } from '../../src/protocol/devicelink/serve.js';
import { FakeClock } from '../support/fake-clock.js';
import { MemoryHost } from '../support/memory-host.js';
import { devicePair, hex, real, type ScriptedDevice } from '../support/scripted-device.js';

const EMPTY = '___EmptyParameterString___';
const OK = ['DLMessageStatusResponse', 0, EMPTY, plistDict()];

interface Heard extends LinkEvents {
  readonly failed: string[];
  readonly hostFailures: string[];
  readonly kinds: string[];
}

function listener(): Heard {
  const failed: string[] = [];
  const hostFailures: string[] = [];
  const kinds: string[] = [];
  return {
    failed,
    hostFailures,
    kinds,
    onRequest: ({ kind }) => void kinds.push(kind),
    onFailedUpload: ({ hostPath, code, text }) => void failed.push(`${hostPath} ${code} ${text}`),
    onHostFailure: (path) => void hostFailures.push(path),
    onFreeSpace: () => undefined,
  };
}

/** Runs a script of the device against a link that is serving it, and gives the final answer. */
async function run(
  script: (device: ScriptedDevice) => Promise<void>,
  host = new MemoryHost(),
  options: { clock?: FakeClock; stallMs?: number } = {},
) {
  using pair = await devicePair();
  const { device, connection } = pair;
  const events = listener();
  const play = async () => {
    await device.greet();
    await device.receive(); // the request
    await script(device);
  };
  const failed = new AbortController();
  const playing = play();
  playing.catch((error) => failed.abort(error));
  const signal = failed.signal;
  const clock = options.clock ?? systemClock;
  const link = await DeviceLink.open(connection, {
    clock,
    stallMs: options.stallMs ?? 60_000,
    answerMs: 10_000,
    signal,
  });
  try {
    const answer = await link.exchange(plistDict({ MessageName: 'Backup' }), host, events).catch(async (error) => {
      if (failed.signal.aborted) await playing;
      throw error;
    });
    await playing;
    return { answer, events, host, link, percent: link.progress.percent };
  } finally {
    link.end('done');
  }
}

/** One request and its answer; then the device ends. */
async function answerTo(
  message: PlistValue,
  host = new MemoryHost(),
): Promise<{ answer: PlistValue[]; host: MemoryHost }> {
  let answer: PlistValue[] = [];
  await run(async (device) => {
    device.send(message);
    answer = await device.receive();
    device.finish();
  }, host);
  return { answer, host };
}

test.each([100, 300, 400, 500])('a version %i is echoed', async (major) => {
  using pair = await devicePair();
  const greeting = pair.device.greet(major);
  const signal = new AbortController().signal;
  const link = await DeviceLink.open(pair.connection, { clock: systemClock, stallMs: 1000, answerMs: 5000, signal });
  expect(await greeting).toEqual(['DLMessageVersionExchange', 'DLVersionsOk', major]);
  expect(link.version).toBe(major);
  link.end('done');
});

describe('each request has its one answer of four elements', () => {
  test('free space: an integer, beyond 2^32 too', async () => {
    const { answer } = await answerTo(['DLMessageGetFreeDiskSpace']);
    expect(answer).toEqual(['DLMessageStatusResponse', 0, EMPTY, 5_000_000_000]);
  });

  test('purge: refused, and the run goes on', async () => {
    const { answer } = await answerTo(['DLMessagePurgeDiskSpace', 26_418_026_591, 4]);
    expect(answer).toEqual(['DLMessageStatusResponse', -1, 'Operation not supported', plistDict()]);
  });

  test('a listing tells types, sizes and dates; a hostile name is only a key', async () => {
    const { answer } = await answerTo(['DLContentsOfDirectory', 'U/Snapshot', plistDict(), real(0)]);
    const date = new Date('2026-11-21T07:00:00Z');
    const listing = plistDict({
      a: plistDict({ DLFileType: 'DLFileTypeRegular', DLFileSize: 5_000_000_000, DLFileModificationDate: date }),
    });
    const hostile = '__proto__';
    listing[hostile] = plistDict({
      DLFileType: 'DLFileTypeDirectory',
      DLFileSize: 0,
      DLFileModificationDate: date,
    });
    expect(answer).toEqual(['DLMessageStatusResponse', 0, EMPTY, listing]);
  });

  test.each([
    ['DLMessageCreateDirectory', ['U/Snapshot', plistDict(), real(1)], ['mkdir U/Snapshot']],
    ['DLMessageMoveItems', [plistDict({ a: 'b', c: 'd' }), plistDict(), real(1)], ['move a b', 'move c d']],
    ['DLMessageMoveFiles', [plistDict({ a: 'b' }), plistDict(), real(1)], ['move a b']],
    ['DLMessageRemoveItems', [['a', 'b'], plistDict(), real(1)], ['remove a', 'remove b']],
    ['DLMessageRemoveFiles', [['a'], plistDict(), real(1)], ['remove a']],
    ['DLMessageCopyItem', ['a', 'b', plistDict(), real(1)], ['copy a b']],
    ['DLMessageCopyItem', ['a', 'b', real(1)], ['copy a b']],
    ['DLMessageCreateDirectory', ['U'], ['mkdir U']],
  ] as const)('%s', async (name, rest, calls) => {
    const { answer, host } = await answerTo([name, ...(rest as unknown as PlistValue[])]);
    expect(answer).toEqual(OK);
    expect(host.calls).toEqual(calls);
  });

  test('a missing source is -6, and what follows it in the message is not done', async () => {
    const { answer, host } = await answerTo(['DLMessageMoveItems', plistDict({ missing: 'b', c: 'd' })]);
    expect(answer).toEqual(['DLMessageStatusResponse', -6, 'No such file or directory', plistDict()]);
    expect(host.calls).toEqual(['move missing b']);
  });

  test('an unknown message is answered with -1 and told', async () => {
    const { answer } = await answerTo(['DLMessageFoo', 1]);
    expect(answer.slice(0, 3)).toEqual(['DLMessageStatusResponse', -1, 'Operation not supported']);
  });

  test('a ping is not answered', async () => {
    const { answer } = await run(async (device) => {
      device.send(['DLMessagePing', 'hello']);
      device.finish(3, 'words');
    });
    expect(answer).toEqual(plistDict({ MessageName: 'Response', ErrorCode: 3, ErrorDescription: 'words' }));
  });
});

describe('files to the device', () => {
  test('bytes of appendix B, and the -13 dictionary with the very key that was sent', async () => {
    const host = new MemoryHost();
    host.files.set('U/x', Buffer.from('abc'));
    host.files.set('U/empty', Buffer.alloc(0));
    await run(async (device) => {
      device.send(['DLMessageDownloadFiles', ['U/x'], plistDict(), real(0), 3]);
      expect(await device.bytes(24)).toEqual(hex('00000003 552F78 00000004 0C 616263 00000001 00 00000000'));
      expect(await device.receive()).toEqual(OK);
      device.send(['DLMessageDownloadFiles', ['ABC/Status.plist', 'U//empty', 'U/empty']]);
      const missing = hex('0000001A 06 4E6F20737563682066696C65206F72206469726563746F7279');
      expect(await device.bytes(50)).toEqual(
        Buffer.concat([hex('00000010'), Buffer.from('ABC/Status.plist'), missing]),
      );
      expect((await device.bytes(4 + 8 + 30)).subarray(12)).toEqual(missing);
      expect(await device.bytes(4 + 7 + 5 + 4)).toEqual(hex('00000007 552f656d707479 00000001 00 00000000'));
      const error = plistDict({ DLFileErrorString: 'No such file or directory', DLFileErrorCode: -6 });
      const both = plistDict({ 'ABC/Status.plist': error, 'U//empty': error });
      expect(await device.receive()).toEqual(['DLMessageStatusResponse', -13, 'Multi status', both]);
      device.finish();
    }, host);
  });

  test('an empty list is a terminator and a status', async () => {
    await run(async (device) => {
      device.send(['DLMessageDownloadFiles', []]);
      expect(await device.bytes(4)).toEqual(hex('00000000'));
      expect(await device.receive()).toEqual(OK);
      device.finish();
    });
  });

  test('no block holds more than 32 KiB, whatever the disk gives at once', async () => {
    const content = Buffer.alloc(100_001, 7);
    const host = new MemoryHost(70_000);
    host.files.set('U/db', content);
    await run(async (device) => {
      device.send(['DLMessageDownloadFiles', ['U/db']]);
      await device.bytes(8);
      const blocks: Buffer[] = [];
      for (;;) {
        const head = await device.bytes(5);
        if (head[4] === 0) break;
        expect(head[4]).toBe(0x0c);
        expect(head.readUInt32BE(0)).toBeLessThanOrEqual(32 * 1024 + 1);
        blocks.push(await device.bytes(head.readUInt32BE(0) - 1));
      }
      expect(Buffer.concat(blocks).equals(content)).toBe(true);
      expect(await device.bytes(4)).toEqual(hex('00000000'));
      await device.receive();
      device.finish();
    }, host);
    expect(host.calls).toEqual(['close U/db']);
  });

  test('a read that fails half way ends the file with a failure, and the next follows', async () => {
    const host = new MemoryHost(10);
    host.files.set('U/bad', Buffer.alloc(25, 1));
    host.files.set('U/good', Buffer.from('g'));
    host.failRead = { path: 'U/bad', afterReads: 1, code: 'EIO' };
    await run(async (device) => {
      device.send(['DLMessageDownloadFiles', ['U/bad', 'U/good']]);
      expect(await device.bytes(9 + 15)).toEqual(
        Buffer.concat([hex('00000005 552f626164 0000000b 0c'), Buffer.alloc(10, 1)]),
      );
      expect(await device.bytes(5 + 18)).toEqual(
        Buffer.concat([hex('00000013 06'), Buffer.from('Input/output error')]),
      );
      expect(await device.bytes(10 + 6 + 5 + 4)).toEqual(
        hex('00000006 552f676f6f64 00000002 0c 67 00000001 00 00000000'),
      );
      expect((await device.receive())[1]).toBe(-13);
      device.finish();
    }, host);
  });
});

describe('files from the device', () => {
  const path = (text: string) => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(Buffer.byteLength(text));
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const upload = [
    'DLMessageUploadFiles',
    plistDict({ DLDeviceIOCallbacks: 4_611_686_018_427_387_904n }),
    real(13.06),
    3,
  ];

  test('a file without data is made; another replaces; a failed one is told and changes nothing', async () => {
    const host = new MemoryHost();
    host.files.set('U/kept', Buffer.from('old'));
    const { events } = await run(async (device) => {
      device.send(upload);
      device.raw('00000002 2F61 00000003 552F62 00000001 00');
      device.raw(path('/p'), path('U/two'), '00000003 0c 6162 00000002 0c 63 00000001 00');
      device.raw(path('/k'), path('U/kept'), '00000002 0C 7A 00000002 0B 45');
      device.raw(path('/n'), path('U/none'), '00000001 06');
      device.raw('00000000');
      expect(await device.receive()).toEqual(OK);
      device.finish();
    }, host);
    expect([...host.files].map(([name, bytes]) => `${name}=${bytes}`)).toEqual(['U/kept=old', 'U/b=', 'U/two=abc']);
    expect(events.failed).toEqual(['U/kept 11 E', 'U/none 6 ']);
  });

  test('an empty batch', async () => {
    await run(async (device) => {
      device.send(upload);
      device.raw('00000000');
      expect(await device.receive()).toEqual(OK);
      device.finish();
    });
  });

  test('a full disk: the rest is read and dropped, the other files arrive, then -15', async () => {
    const host = new MemoryHost();
    host.failWrite = { path: 'U/big', afterBytes: 3, code: 'ENOSPC' };
    const { events } = await run(async (device) => {
      device.send(upload);
      device.raw(path('/b'), path('U/big'), '00000004 0c 616263 00000004 0c 646566 00000004 0c 676869 00000001 00');
      device.raw(path('/s'), path('U/small'), '00000002 0c 78 00000001 00', '00000000');
      expect(await device.receive()).toEqual(['DLMessageStatusResponse', -15, 'No space left on device', plistDict()]);
      device.finish(104);
    }, host);
    expect([...host.files.keys()]).toEqual(['U/small']);
    expect(events.hostFailures).toEqual(['U/big']);
    expect(host.calls).toEqual(['discard U/big']);
  });

  const batch = async (device: ScriptedDevice) => {
    device.send(upload);
    device.raw(path('/b'), path('U/b'), '00000002 0c 78 00000001 00', '00000000');
    return device.receive();
  };
  const full = ['DLMessageStatusResponse', -15, 'No space left on device', plistDict()];

  test('what fails after its batch was answered is told with the next question, once, and that is not carried out', async () => {
    const host = new MemoryHost();
    host.failLate = 'ENOSPC';
    const { events } = await run(async (device) => {
      expect(await batch(device)).toEqual(OK);
      device.send(['DLMessagePing']);
      device.send(['DLMessageMoveItems', plistDict({ a: 'b' })]);
      expect(await device.receive()).toEqual(full);
      device.send(['DLMessageMoveItems', plistDict({ c: 'd' })]);
      expect(await device.receive()).toEqual(OK);
      device.finish(104);
    }, host);
    expect(events.hostFailures).toEqual(['']);
    expect(host.calls).toEqual(['move c d']);
  });

  test('a device that asks for files then gets a stream without any, and the failure after it', async () => {
    const host = new MemoryHost();
    await run(async (device) => {
      expect(await batch(device)).toEqual(OK);
      host.failLate = 'ENOSPC';
      device.send(['DLMessageDownloadFiles', ['U/b']]);
      expect(await device.bytes(4)).toEqual(hex('00000000'));
      expect(await device.receive()).toEqual(full);
      device.finish(104);
    }, host);
  });

  test('a success that the device reports does not count when the last batch failed after all', async () => {
    const host = new MemoryHost();
    host.failLate = 'EIO';
    const failing = run(async (device) => {
      expect(await batch(device)).toEqual(OK);
      device.finish();
    }, host);
    await expect(failing).rejects.toMatchObject({ code: 'EIO' });
  });

  test.each([
    ['a block of length 0', '00000002 2f61 00000002 552f 00000000 00'],
    ['a name of 4097 bytes', '00001001 00'],
    ['a name of 0xffffffff bytes', 'ffffffff'],
    ['an empty name in the backup', '00000002 2f61 00000000'],
    ['a name that is not UTF-8', '00000002 ff61'],
    ['a block beyond any sense', '00000002 2f61 00000002 552f 80000000 0c'],
    ['an endless error text', '00000002 2f61 00000002 552f 7fffffff 0b'],
  ])('%s ends the run as a protocol error', async (_what, bytes) => {
    const failing = run(async (device) => {
      device.send(upload);
      device.raw(bytes);
    });
    await expect(failing).rejects.toMatchObject({ code: 'device_error', reason: 'protocol' });
  });

  test('percent: what the phone says holds after a batch, between by bytes, and never goes back', async () => {
    const seen: (number | null)[] = [];
    const { link } = await run(async (device) => {
      for (const [percent, total] of [
        [10, 4],
        [50, 4],
        [30, 4],
      ] as const) {
        device.send(['DLMessageUploadFiles', plistDict(), real(percent), total]);
        device.raw(path('/p'), path('U/p'), '00000003 0c 6162 00000001 00 00000000');
        await device.receive();
      }
      device.finish();
    });
    seen.push(link.progress.percent);
    expect(seen).toEqual([50]);
    expect(link.progress.bytesDone).toBe(6);
    expect(link.progress.devicePath).toBe('/p');
  });
});

describe('how it ends', () => {
  test('silence of five minutes is nothing; beyond the limit it is a timeout', async () => {
    const clock = new FakeClock();
    const patient = await run(
      async (device) => {
        await clock.advance(5 * 60_000);
        device.send(['DLMessageGetFreeDiskSpace']);
        await device.receive();
        await clock.advance(14 * 60_000);
        device.finish();
      },
      new MemoryHost(),
      { clock, stallMs: 15 * 60_000 },
    );
    expect(patient.answer.ErrorCode).toBe(0);
    const stalled = run(async () => clock.advance(15 * 60_000 + 1000), new MemoryHost(), {
      clock,
      stallMs: 15 * 60_000,
    });
    await expect(stalled).rejects.toMatchObject({ code: 'timeout', reason: 'stall' });
  });

  test('a limit counts from the last byte, not from when somebody looked', async () => {
    const clock = new FakeClock();
    const failing = run(
      async (device) => {
        await clock.advance(50_000);
        device.send(['DLMessageGetFreeDiskSpace']);
        await device.receive();
        await clock.advance(59_000);
        device.send(['DLMessageGetFreeDiskSpace']);
        await device.receive();
        await clock.advance(62_000);
      },
      new MemoryHost(),
      { clock, stallMs: 60_000 },
    );
    await expect(failing).rejects.toMatchObject({ reason: 'stall' });
  });

  test('DLMessageDisconnect instead of an answer', async () => {
    await expect(run(async (device) => device.send(['DLMessageDisconnect', 'tired']))).rejects.toMatchObject({
      code: 'device_error',
      reason: 'no_answer',
      details: { device_reason: 'tired' },
    });
  });

  test('the end of the stream', async () => {
    const failing = run(async (device) => void device.socket.end(hex('0000')));
    await expect(failing).rejects.toMatchObject({ code: 'connection_lost' });
  });

  test('an abort ends the wait with its reason, and the device is told', async () => {
    using pair = await devicePair();
    const { device, connection } = pair;
    const stop = new AbortController();
    const greeting = device.greet();
    const link = await DeviceLink.open(connection, {
      clock: systemClock,
      stallMs: 9000,
      answerMs: 9000,
      signal: stop.signal,
    });
    await greeting;
    const running = link.exchange(plistDict(), new MemoryHost(), listener());
    running.catch(() => undefined);
    await device.receive();
    stop.abort(new Error('Ctrl-C'));
    await expect(running).rejects.toMatchObject({ code: 'interrupted' });
    await link.disconnect(new AbortController().signal);
    expect(await device.receive()).toEqual(['DLMessageDisconnect', EMPTY]);
  });

  test.each([
    ['a length of 0xffffffff', hex('ffffffff')],
    ['a length of 0', hex('00000000')],
    ['garbage', Buffer.concat([hex('00000010'), Buffer.alloc(16, 0x41)])],
  ])('%s', async (_what, bytes) => {
    await expect(run(async (device) => device.raw(bytes))).rejects.toMatchObject({ code: 'device_error' });
  });
});
