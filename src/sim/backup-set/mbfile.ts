/**
 * The `file` column of Manifest.db: a keyed archive of one MBFile, as the phone writes it.
 *
 * Objects: "$null", the MBFile dictionary, then whatever it points to. NSData is a bare data object, NSMutableData a dictionary with
 * `NS.data`: hence the different shapes of Digest and EncryptionKey (backup format notes, 3.3).
 */
import { buildBinaryPlist } from '../../plist/codec.js';
import { PlistUid, type PlistValue, plistDict } from '../../plist/value.js';
import type { ManifestRecord } from './record.js';

const MUTABLE_DATA_CLASS = plistDict({
  $classname: 'NSMutableData',
  $classes: ['NSMutableData', 'NSData', 'NSObject'],
});
const MBFILE_CLASS = plistDict({ $classname: 'MBFile', $classes: ['MBFile', 'NSObject'] });

export function encodeMbFile(record: ManifestRecord): Buffer {
  const { item, digest, encryptionKey } = record;
  const objects: PlistValue[] = ['$null', ''];
  const add = (value: PlistValue) => new PlistUid(objects.push(value) - 1);
  const attributes = encodeAttributes(record);
  const relativePath = add(item.relativePath);
  const target = item.kind === 'symlink' ? add(item.target) : undefined;
  const digestUid = digest === undefined ? undefined : add(digest);
  let keyUid: PlistUid | undefined;
  if (encryptionKey !== undefined) {
    keyUid = new PlistUid(objects.length);
    objects.push(plistDict({ 'NS.data': encryptionKey, $class: new PlistUid(objects.length + 1) }), MUTABLE_DATA_CLASS);
  }
  const attributesUid = attributes === undefined ? undefined : add(attributes);
  objects[1] = plistDict({
    RelativePath: relativePath,
    Target: target,
    Digest: digestUid,
    EncryptionKey: keyUid,
    Mode: item.mode,
    InodeNumber: item.inode,
    UserID: item.userId,
    GroupID: item.groupId,
    LastModified: item.modified,
    LastStatusChange: item.changed,
    Birth: item.born,
    Size: item.kind === 'file' ? item.sizeBytes : 0,
    ProtectionClass: item.protectionClass,
    ExtendedAttributes: attributesUid,
    Flags: 0,
    $class: add(MBFILE_CLASS),
  });
  const archive = {
    $version: 100_000,
    $archiver: 'NSKeyedArchiver',
    $top: plistDict({ root: new PlistUid(1) }),
    $objects: objects,
  };
  return buildBinaryPlist(plistDict(archive));
}

function encodeAttributes({ item }: ManifestRecord): Buffer | undefined {
  return item.extendedAttributes === undefined ? undefined : buildBinaryPlist(plistDict(item.extendedAttributes));
}
