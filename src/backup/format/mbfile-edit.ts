/**
 * Changes the keyed archive of an MBFile without understanding the rest of it: keys that nobody knows stay as they are.
 *
 * `Digest` and `EncryptionKey` are data, or a dictionary with `NS.data`, inline or behind a UID (backups of iOS 10.3-26 as published).
 */
import { IbkError } from '../../errors.js';
import { buildBinaryPlist, parsePlist } from '../../plist/codec.js';
import { asArray, asDict, field } from '../../plist/fields.js';
import { isPlistDict, type PlistDict, PlistUid, type PlistValue, plistDict } from '../../plist/value.js';
import { addData, type NewMbFile } from './mbfile-build.js';

const MOST_BYTES = 16 * 1024 * 1024;
const NULL_OBJECT = '$null';

/** The digest of the plain content, of the length of the one that was there: 20 bytes are SHA-1, 32 are SHA-256. Undefined: leave it out. */
export type DigestOf = (bytes: number) => Buffer | undefined;

/**
 * The record as a plain backup has it: without its key, which is nowhere in the archive any more, and with the digest of the plain content where it had one.
 * @throws IbkError `damaged`, reason `record`
 */
export function withoutEncryption(archive: Buffer, digestOf: DigestOf): Buffer {
  return changed(archive, (file, top, objects) => {
    delete file['EncryptionKey'];
    changeDigest(file, objects, digestOf);
    return onlyReferred(top, objects);
  });
}

/** The same record of other content. It has a digest only where it had one. @throws IbkError `damaged`, reason `record` */
export function withContent(
  archive: Buffer,
  content: Pick<NewMbFile, 'sizeBytes' | 'time' | 'digest' | 'wrappedKey'>,
): Buffer {
  return changed(archive, (file, top, objects) => {
    file['Size'] = content.sizeBytes;
    file['LastModified'] = content.time;
    file['LastStatusChange'] = content.time;
    const hadDigest = field(file, 'Digest') !== undefined;
    delete file['Digest'];
    delete file['EncryptionKey'];
    if (hadDigest && content.digest !== undefined) file['Digest'] = content.digest;
    if (content.wrappedKey !== undefined) file['EncryptionKey'] = addData(objects, content.wrappedKey);
    return plistDict({ ...top, $objects: objects });
  });
}

/** @param change of the file, which stands among the objects; returns the archive that it is in */
function changed(
  archive: Buffer,
  change: (file: PlistDict, top: PlistDict, objects: PlistValue[]) => PlistDict,
): Buffer {
  try {
    const top = asDict(parsePlist(archive, 'A file record', { maxBytes: MOST_BYTES }), 'A file record');
    const objects = [...asArray(field(top, '$objects'), '$objects')];
    const root = field(asDict(field(top, '$top'), '$top'), 'root');
    const at = root instanceof PlistUid ? root.value : -1;
    const file = plistDict({ ...asDict(objects[at], 'The file') });
    objects[at] = file;
    return buildBinaryPlist(change(file, top, objects));
  } catch (cause) {
    if (!(cause instanceof IbkError)) throw cause;
    throw new IbkError('damaged', 'A record of the manifest is damaged: it is no archive of a file.', {
      reason: 'record',
      cause,
    });
  }
}

function changeDigest(file: PlistDict, objects: PlistValue[], digestOf: DigestOf): void {
  const held = field(file, 'Digest');
  if (held === undefined) return;
  const object = held instanceof PlistUid ? objects[held.value] : held;
  const inner = isPlistDict(object) ? field(object, 'NS.data') : object;
  const old = inner instanceof PlistUid ? objects[inner.value] : inner;
  const digest = Buffer.isBuffer(old) ? digestOf(old.length) : undefined;
  if (digest === undefined) delete file['Digest'];
  // A UID of the data is changed where it points to, an object where it stands.
  else if (inner instanceof PlistUid) objects[inner.value] = digest;
  else {
    const changed = isPlistDict(object) ? plistDict({ ...object, 'NS.data': digest }) : digest;
    if (held instanceof PlistUid) objects[held.value] = changed;
    else file['Digest'] = changed;
  }
}

/** The archive with the objects that something refers to, in their order, numbered anew. */
function onlyReferred(top: PlistDict, objects: readonly PlistValue[]): PlistDict {
  const referred = new Set<number>([0]);
  const waiting = [...uidsIn(field(top, '$top'))];
  for (let uid = waiting.pop(); uid !== undefined; uid = waiting.pop()) {
    if (referred.has(uid)) continue;
    referred.add(uid);
    waiting.push(...uidsIn(objects[uid]));
  }
  const kept = [...referred].filter((uid) => uid < objects.length).sort((a, b) => a - b);
  const numbers = new Map(kept.map((uid, index) => [uid, index]));
  const anew = (value: PlistValue): PlistValue => {
    if (value instanceof PlistUid) return new PlistUid(numbers.get(value.value) ?? 0);
    if (Array.isArray(value)) return value.map(anew);
    if (!isPlistDict(value)) return value;
    return plistDict(Object.fromEntries(Object.entries(value).map(([key, each]) => [key, anew(each)])));
  };
  return plistDict({
    ...top,
    $top: anew(field(top, '$top') ?? plistDict()),
    $objects: kept.map((uid) => anew(objects[uid] ?? NULL_OBJECT)),
  });
}

function* uidsIn(value: PlistValue | undefined): Generator<number> {
  if (value instanceof PlistUid) yield value.value;
  else if (Array.isArray(value)) for (const each of value) yield* uidsIn(each);
  else if (isPlistDict(value)) for (const each of Object.values(value)) yield* uidsIn(each);
}
