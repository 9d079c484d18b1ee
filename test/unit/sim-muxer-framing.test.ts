import { expect, test } from 'vitest';
import { plistDict } from '../../src/plist/value.js';
import { encodeMuxPacket, readMuxPacket, swapPort } from '../../src/sim/muxer/framing.js';
import { PullReader } from '../../src/sim/wire/pull-reader.js';
import { socketPair } from '../support/socket-pair.js';

/** A plist message whose body is exactly 100 bytes; header bytes from the protocol notes, appendix B. */
const BODY = Buffer.from(
  '<plist version="1.0"><dict><key>MessageType</key><string>ListDevices</string></dict></plist>'.padEnd(100),
);
const HEADER = Buffer.from('74000000010000000800000001000000', 'hex');

async function read(...chunks: Buffer[]) {
  const [near, far] = await socketPair();
  for (const chunk of chunks) near.write(chunk);
  near.end();
  const packet = await readMuxPacket(new PullReader(far));
  near.destroy();
  far.destroy();
  return packet;
}

test('the port of lockdownd is 32498 on the wire, and back', () => {
  expect(swapPort(62078)).toBe(32498);
  expect(swapPort(32498)).toBe(62078);
  expect(swapPort(0x0001)).toBe(0x0100);
});

test('reads a packet of 100 body bytes, tag 1', async () => {
  const packet = await read(HEADER, BODY);
  expect(packet).toEqual({ kind: 'plist', tag: 1, body: plistDict({ MessageType: 'ListDevices' }) });
});

test('reads it byte by byte', async () => {
  const packet = await read(...[...HEADER, ...BODY].map((byte) => Buffer.of(byte)));
  expect(packet.kind).toBe('plist');
});

test('writes the same header', () => {
  const packet = encodeMuxPacket(7, plistDict({ MessageType: 'Result', Number: 0 }));
  expect(packet.readUInt32LE(0)).toBe(packet.length);
  expect(packet.subarray(4, 16).toString('hex')).toBe('010000000800000007000000');
  expect(packet.subarray(16).toString()).toContain('<key>Number</key>\n\t<integer>0</integer>');
});

test('refuses other versions, other messages and binary bodies; calls a bad length broken', async () => {
  const changed = (offset: number, value: number) => {
    const header = Buffer.from(HEADER);
    header.writeUInt32LE(value, offset);
    return header;
  };
  expect(await read(changed(4, 0), BODY)).toMatchObject({ kind: 'unsupported', result: 6, tag: 1 });
  expect(await read(changed(8, 3), BODY)).toMatchObject({ kind: 'unsupported', result: 1 });
  expect(await read(HEADER, Buffer.from('bplist00'.padEnd(100)))).toMatchObject({ kind: 'unsupported', result: 1 });
  expect(await read(changed(0, 15), BODY)).toMatchObject({ kind: 'broken' });
  expect(await read(changed(0, 0xffffffff), BODY)).toMatchObject({ kind: 'broken' });
  expect(await read(HEADER, BODY.subarray(50))).toEqual({ kind: 'end' });
  expect(await read()).toEqual({ kind: 'end' });
});
