/** Frames that no phone sends, but a hostile one might: wrong lengths and property lists that are not what they seem. */
import { buildBinaryPlist } from '../../plist/codec.js';
import { plistDict } from '../../plist/value.js';
import type { PhoneDeviceLink } from './device-link.js';

const HEADER = Buffer.from('bplist00');

/** A binary plist put together from object bytes (offsets of one or four bytes). */
function rawPlist(objects: readonly Buffer[], root = 0): Buffer {
  const offsets = Buffer.alloc(objects.length * 4);
  let at = HEADER.length;
  objects.forEach((object, i) => {
    offsets.writeUInt32BE(at, i * 4);
    at += object.length;
  });
  const trailer = Buffer.alloc(32);
  trailer.writeUInt8(4, 6);
  trailer.writeUInt8(1, 7);
  trailer.writeBigUInt64BE(BigInt(objects.length), 8);
  trailer.writeBigUInt64BE(BigInt(root), 16);
  trailer.writeBigUInt64BE(BigInt(at), 24);
  return Buffer.concat([HEADER, ...objects, offsets, trailer]);
}

/** Queues the frame that `bad-message=HOW` names. */
export function putMalformed(link: PhoneDeviceLink, how: string): void {
  const body = malformedBody(how);
  link.putRaw(how === 'length' ? 0xffff_ffff : body.length, body);
}

function malformedBody(how: string): Buffer {
  switch (how) {
    case 'length':
      return HEADER;
    case 'garbage':
      return Buffer.from('bplist00 but nothing that could be read as one');
    case 'not-array':
      return buildBinaryPlist(plistDict({ MessageName: 'DLMessageDownloadFiles' }));
    case 'no-name':
      return buildBinaryPlist([42, 'DLMessageDownloadFiles']);
    case 'cyclic':
      // An array of three elements that are all the array itself.
      return rawPlist([Buffer.from([0xa3, 0, 0, 0])]);
    case 'huge-array':
      // Announces 2^32 - 1 elements.
      return rawPlist([Buffer.from([0xaf, 0x12, 0xff, 0xff, 0xff, 0xff])]);
    case 'deep':
      // 200 arrays, each holding only the next.
      return rawPlist(Array.from({ length: 200 }, (_, i) => Buffer.from(i < 199 ? [0xa1, i + 1] : [0xa0])));
    default:
      throw new TypeError(`bad-message=${how}`);
  }
}
