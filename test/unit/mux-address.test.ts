import { expect, test } from 'vitest';
import { defaultMuxAddress, describeMuxAddress, parseMuxAddress } from '../../src/protocol/usbmux/address.js';
import { encodePacket } from '../../src/protocol/usbmux/framing.js';
import { request, swapPort } from '../../src/protocol/usbmux/messages.js';
import { isSameUdid, normalizeUdid } from '../../src/protocol/usbmux/udid.js';

test.each([
  ['UNIX:/tmp/phone.sock', { kind: 'unix', path: '/tmp/phone.sock' }],
  ['unix:/tmp/phone.sock', { kind: 'unix', path: '/tmp/phone.sock' }],
  ['unix:///tmp/phone.sock', { kind: 'unix', path: '/tmp/phone.sock' }],
  ['/var/run/usbmuxd', { kind: 'unix', path: '/var/run/usbmuxd' }],
  ['127.0.0.1:27015', { kind: 'tcp', host: '127.0.0.1', port: 27015 }],
  ['tcp://attic:1', { kind: 'tcp', host: 'attic', port: 1 }],
  ['attic.local:65535', { kind: 'tcp', host: 'attic.local', port: 65535 }],
  ['[fe80::1%eth0]:27015', { kind: 'tcp', host: 'fe80::1%eth0', port: 27015 }],
  ['::1:27015', { kind: 'tcp', host: '::1', port: 27015 }],
])('%s is an address', (text, address) => {
  expect(parseMuxAddress(text, 'linux')).toEqual(address);
});

test.each([
  '',
  'attic',
  ':27015',
  'attic:0',
  'attic:65536',
  'attic:port',
  'UNIX:',
  'unix://',
  'tcp://',
  'http://a:1',
  '[::1]',
  `/${'x'.repeat(200)}`,
])('%j is refused, and never taken for the default', (text) => {
  expect(() => parseMuxAddress(text, 'linux')).toThrowError(expect.objectContaining({ code: 'usage', exit: 2 }));
});

test('Windows has a TCP default and no Unix sockets', () => {
  expect(defaultMuxAddress('win32')).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 27015 });
  expect(describeMuxAddress(defaultMuxAddress('linux'))).toBe('/var/run/usbmuxd');
  expect(() => parseMuxAddress('UNIX:/tmp/x', 'win32')).toThrowError(expect.objectContaining({ code: 'usage' }));
});

test('the header and the port are as in the byte examples', () => {
  const packet = encodePacket(request('ListDevices'), 1);
  expect(packet.readUInt32LE(0)).toBe(packet.length);
  expect(packet.subarray(4, 16).toString('hex')).toBe('010000000800000001000000');
  expect(packet.subarray(16, 21).toString()).toBe('<?xml');
  expect(swapPort(62078)).toBe(32498);
  expect(swapPort(32498)).toBe(62078);
});

test.each([
  ['0000811000112233445566AA', '00008110-00112233445566AA'],
  ['00008110-00112233445566aa', '00008110-00112233445566AA'],
  ['ABCDEF0123456789ABCDEF0123456789ABCDEF01', 'abcdef0123456789abcdef0123456789abcdef01'],
  ['f'.repeat(40), undefined],
  ['../../etc', undefined],
  ['', undefined],
  [`${'a'.repeat(40)}/`, undefined],
])('the serial number %j is the UDID %j', (serial, udid) => {
  expect(normalizeUdid(serial)).toBe(udid);
});

test('UDIDs are compared without dash and case', () => {
  expect(isSameUdid('00008110-00112233445566AA', '0000811000112233445566aa')).toBe(true);
});
