/** The keyed archive of an MBFile (mbfile.ts) for a file that a person puts into a backup. */
import { buildBinaryPlist } from '../../plist/codec.js';
import { field } from '../../plist/fields.js';
import { isPlistDict, PlistUid, type PlistValue, plistDict } from '../../plist/value.js';

const MUTABLE_DATA = plistDict({ $classname: 'NSMutableData', $classes: ['NSMutableData', 'NSData', 'NSObject'] });
const MBFILE = plistDict({ $classname: 'MBFile', $classes: ['MBFile', 'NSObject'] });

export interface NewMbFile {
  readonly relativePath: string;
  /** With the kind: 0o100644, 0o040755. */
  readonly mode: number;
  readonly inode: bigint;
  readonly userId: number;
  readonly groupId: number;
  /** Unix seconds, of all three times. */
  readonly time: number;
  readonly sizeBytes: number;
  readonly protectionClass: number;
  readonly digest: Buffer | undefined;
  readonly wrappedKey: Buffer | undefined;
}

export function buildMbFile(file: NewMbFile): Buffer {
  const objects: PlistValue[] = ['$null', ''];
  const add = (value: PlistValue) => new PlistUid(objects.push(value) - 1);
  const { time } = file;
  objects[1] = plistDict({
    RelativePath: add(file.relativePath),
    Digest: file.digest === undefined ? undefined : add(file.digest),
    EncryptionKey: file.wrappedKey === undefined ? undefined : addData(objects, file.wrappedKey),
    Mode: file.mode,
    InodeNumber: file.inode,
    UserID: file.userId,
    GroupID: file.groupId,
    LastModified: time,
    LastStatusChange: time,
    Birth: time,
    Size: file.sizeBytes,
    ProtectionClass: file.protectionClass,
    Flags: 0,
    $class: add(MBFILE),
  });
  const $top = plistDict({ root: new PlistUid(1) });
  return buildBinaryPlist(plistDict({ $version: 100_000, $archiver: 'NSKeyedArchiver', $top, $objects: objects }));
}

/** As the device has a key: NSMutableData, whose class is written once. */
export function addData(objects: PlistValue[], bytes: Buffer): PlistUid {
  const isClass = (value: PlistValue) => isPlistDict(value) && field(value, '$classname') === 'NSMutableData';
  const found = objects.findIndex(isClass);
  const at = found === -1 ? objects.push(MUTABLE_DATA) - 1 : found;
  return new PlistUid(objects.push(plistDict({ 'NS.data': bytes, $class: new PlistUid(at) })) - 1);
}
