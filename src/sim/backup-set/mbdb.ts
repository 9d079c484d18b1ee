/**
 * Manifest.mbdb, the manifest of iOS 5 to 9: `mbdb` 05 00, then records to the end of the file (backup format notes, 4.1).
 *
 * domain S · path S · target S · digest S · key S · mode u16 · inode u64 · uid u32 · gid u32 · mtime u32 · ctime u32 · birth u32 ·
 * size u64 · class u8 · properties u8 · (name S, value S)*. S is a u16 length and bytes; length 0xffff is null. All big-endian.
 */
import type { ManifestRecord } from './record.js';

export const MBDB_MAGIC = Buffer.from('6d6264620500', 'hex');
const FIXED_BYTES = 40;

export function encodeMbdbRecord(record: ManifestRecord): Buffer {
  const { item } = record;
  const fixed = Buffer.alloc(FIXED_BYTES);
  const attributes = Object.entries(item.extendedAttributes ?? {});
  fixed.writeUInt16BE(item.mode, 0);
  fixed.writeBigUInt64BE(BigInt(item.inode), 2);
  fixed.writeUInt32BE(item.userId, 10);
  fixed.writeUInt32BE(item.groupId, 14);
  fixed.writeUInt32BE(item.modified, 18);
  fixed.writeUInt32BE(item.changed, 22);
  fixed.writeUInt32BE(item.born, 26);
  fixed.writeBigUInt64BE(BigInt(item.kind === 'file' ? item.sizeBytes : 0), 30);
  fixed.writeUInt8(item.protectionClass, 38);
  fixed.writeUInt8(attributes.length, 39);
  return Buffer.concat([
    text(item.domain),
    text(item.relativePath),
    item.kind === 'symlink' ? text(item.target) : sized(undefined),
    sized(record.digest),
    sized(record.encryptionKey),
    fixed,
    ...attributes.flatMap(([name, value]) => [text(name), sized(value)]),
  ]);
}

function text(value: string): Buffer {
  return sized(Buffer.from(value, 'utf8'));
}

function sized(value: Buffer | undefined): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(value === undefined ? 0xffff : value.length);
  return value === undefined ? length : Buffer.concat([length, value]);
}
