/** Peers that never pause: whatever waits in the buffer, being stopped and running out of time still count. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import { systemClock } from '../../src/io/clock.js';
import { selectDevices } from '../../src/operations/select-device.js';
import { buildXmlPlist } from '../../src/plist/codec.js';
import { type PlistValue, plistDict } from '../../src/plist/value.js';
import { DeviceLink } from '../../src/protocol/devicelink/link.js';
import { NotificationProxy } from '../../src/protocol/services/notification-proxy.js';
import { temporaryRoot } from '../support/ibk-backup.js';
import { MemoryHost } from '../support/memory-host.js';
import { devicePair, real, type ScriptedDevice } from '../support/scripted-device.js';
import { contextFor, hastyClock } from '../support/sim-bench.js';

const STOP = new IbkError('interrupted', 'Stopped by you.');

/** Serves a device that sends `flood` in one go, and is stopped at the first thing it asks or sends. */
async function stopped(flood: (device: ScriptedDevice) => void) {
  using pair = await devicePair();
  const { device, connection } = pair;
  const stop = new AbortController();
  let asked = 0;
  let written = 0;
  class StoppedHost extends MemoryHost {
    override receive(path: string) {
      const sink = super.receive(path);
      const write = (chunk: Buffer) => {
        written++;
        stop.abort(STOP);
        return sink.write(chunk);
      };
      return { ...sink, write };
    }
  }
  void device.greet();
  const options = { clock: systemClock, stallMs: 60_000, answerMs: 10_000, signal: stop.signal };
  const link = await DeviceLink.open(connection, options);
  flood(device);
  const nothing = () => undefined;
  const events = { onFailedUpload: nothing, onHostFailure: nothing, onFreeSpace: nothing };
  const serving = link.exchange(plistDict({ MessageName: 'Backup' }), new StoppedHost(), {
    ...events,
    onRequest: ({ kind }) => {
      asked++;
      if (kind === 'ping') stop.abort(STOP);
    },
  });
  await expect(serving).rejects.toBe(STOP);
  link.end('done');
  return { asked, written };
}

test('a phone that pings without end', async () => {
  const { asked } = await stopped((device) => {
    for (let i = 0; i < 200; i++) device.send(['DLMessagePing', 'x']);
  });
  expect(asked).toBe(1);
});

test('a phone that sends faster than the disk writes', async () => {
  const { written } = await stopped((device) => {
    device.send(['DLMessageUploadFiles', plistDict(), real(1), 0]);
    device.raw('00000002', Buffer.from('/d'), '00000002', Buffer.from('xx'));
    for (let i = 0; i < 200; i++) device.raw('00000005', '0c', Buffer.from('data'));
  });
  expect(written).toBe(1);
});

function packet(value: PlistValue): Buffer {
  const body = buildXmlPlist(value);
  const head = Buffer.alloc(16);
  for (const [index, field] of [body.length + 16, 1, 8, 1].entries()) head.writeUInt32LE(field, index * 4);
  return Buffer.concat([head, body]);
}

test('a muxer that tells of new devices without end, and then lists none', async () => {
  await using folder = await temporaryRoot();
  const path = join(folder.path, 'muxer');
  const SerialNumber = '00008120-000A1D2E0C88401E';
  const event = packet(
    plistDict({ MessageType: 'Attached', DeviceID: 1, Properties: plistDict({ SerialNumber, ConnectionType: 'USB' }) }),
  );
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (request) => {
      if (!request.includes('Listen')) return socket.end(packet(plistDict({ DeviceList: [] })));
      const flood = () => {
        while (!socket.destroyed && socket.write(event));
      };
      socket.write(packet(plistDict({ MessageType: 'Result', Number: 0 })));
      socket.on('drain', flood);
      flood();
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    const { ctx } = contextFor(`UNIX:${path}`);
    await expect(selectDevices(ctx, { udids: [], link: 'any', waitMs: 300 })).rejects.toMatchObject({
      code: 'no_device',
    });
  } finally {
    server.close();
  }
});

test('a notification_proxy that tells of other things without end, and never of its death, is left', async () => {
  using pair = await devicePair();
  const { device, connection } = pair;
  const body = buildXmlPlist(plistDict({ Command: 'RelayNotification', Name: 'x' }));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  const message = Buffer.concat([head, body]);
  const flood = () => {
    while (!device.socket.destroyed && device.socket.write(message));
  };
  device.socket.on('error', () => undefined).on('drain', flood);
  const { ctx } = contextFor('UNIX:/nowhere', { clientClock: hastyClock(50) });
  const proxy = new NotificationProxy(connection, ctx);
  flood();
  await proxy.shutdown();
  expect(connection.closed.aborted).toBe(true);
});
