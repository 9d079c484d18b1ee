/** A keyed archive of an MBFile (mbfile.ts) for a file that a person puts into a backup: made new, or one that is there, changed. */
import { IbkError } from '../../errors.js';
import { buildBinaryPlist, parsePlist } from '../../plist/codec.js';
import { asArray, asDict, field } from '../../plist/fields.js';
import { isPlistDict, type PlistDict, PlistUid, type PlistValue, plistDict } from '../../plist/value.js';

const MOST_BYTES = 16 * 1024 * 1024;
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

/** The same record of other content: keys that nobody knows stay. It has a digest only where it had one. @throws IbkError `damaged`, reason `record` */
export function withContent(
  archive: Buffer,
  content: Pick<NewMbFile, 'sizeBytes' | 'time' | 'digest' | 'wrappedKey'>,
): Buffer {
  try {
    const top = asDict(parsePlist(archive, 'A file record', { maxBytes: MOST_BYTES }), 'A file record');
    const objects = [...asArray(field(top, '$objects'), '$objects')];
    const root = field(asDict(field(top, '$top'), '$top'), 'root');
    const at = root instanceof PlistUid ? root.value : -1;
    const file: PlistDict = plistDict({ ...asDict(objects[at], 'The file') });
    file['Size'] = content.sizeBytes;
    file['LastModified'] = content.time;
    file['LastStatusChange'] = content.time;
    const hadDigest = field(file, 'Digest') !== undefined;
    delete file['Digest'];
    delete file['EncryptionKey'];
    if (hadDigest && content.digest !== undefined) file['Digest'] = content.digest;
    if (content.wrappedKey !== undefined) file['EncryptionKey'] = addData(objects, content.wrappedKey);
    objects[at] = file;
    return buildBinaryPlist(plistDict({ ...top, $objects: objects }));
  } catch (cause) {
    if (!(cause instanceof IbkError)) throw cause;
    throw new IbkError('damaged', 'A record of the manifest is damaged: it is no archive of a file.', {
      reason: 'record',
      cause,
    });
  }
}

/** As the device has a key: NSMutableData, whose class is written once. */
function addData(objects: PlistValue[], bytes: Buffer): PlistUid {
  const isClass = (value: PlistValue) => isPlistDict(value) && field(value, '$classname') === 'NSMutableData';
  const found = objects.findIndex(isClass);
  const at = found === -1 ? objects.push(MUTABLE_DATA) - 1 : found;
  return new PlistUid(objects.push(plistDict({ 'NS.data': bytes, $class: new PlistUid(at) })) - 1);
}
