/**
 * The `file` column of Manifest.db: a keyed archive (NSKeyedArchiver) of one MBFile.
 *
 *     { $top: { root: UID }, $objects: [ "$null", MBFile, … ] }
 *
 * Where a value stands differs: numbers stand in the MBFile itself or behind a UID; data too, or in a dictionary `NS.data` (NSMutableData); times are Unix
 * seconds, in old records NSDate (`NS.time`, seconds since 2001). Objects are found by their UIDs, never by their order.
 */
import { IbkError } from '../../errors.js';
import { BinaryPlistView } from '../../plist/binary-view.js';

/** Undefined: the record does not say, or says what is not of its type. */
export interface MbFile {
  readonly mode: number | undefined;
  readonly sizeBytes: number | undefined;
  /** Unix seconds. */
  readonly mtime: number | undefined;
  readonly ctime: number | undefined;
  readonly btime: number | undefined;
  readonly target: string | undefined;
  readonly userId: number | undefined;
  readonly groupId: number | undefined;
  readonly inode: bigint | undefined;
  readonly protectionClass: number | undefined;
  readonly wrappedKey: Buffer | undefined;
  readonly digest: Buffer | undefined;
  readonly extendedAttributes: Buffer | undefined;
}

/** Seconds from 1970 to 2001. */
const EPOCH_2001 = 978_307_200;
const NULL_OBJECT = '$null';
/** In the order in which the device encodes them. */
const KEYS = [
  'Target',
  'Digest',
  'EncryptionKey',
  'Mode',
  'InodeNumber',
  'UserID',
  'GroupID',
  'LastModified',
  'LastStatusChange',
  'Birth',
  'Size',
  'ProtectionClass',
  'ExtendedAttributes',
] as const;

/** Buffers are views on `bytes`. @throws IbkError `damaged`, reason `record` */
export function parseMbFile(bytes: Buffer): MbFile {
  try {
    return new Archive(bytes).file();
  } catch (error) {
    if (error instanceof IbkError) throw error;
    throw damagedRecord(error instanceof Error ? error.message : String(error), error);
  }
}

export function damagedRecord(why: string, cause?: unknown): IbkError {
  return new IbkError('damaged', `A record of the manifest is damaged: ${why}.`, { reason: 'record', cause });
}

class Archive {
  readonly #view: BinaryPlistView;
  readonly #objects: number;
  readonly #root: number;

  constructor(bytes: Buffer) {
    const view = new BinaryPlistView(bytes);
    const [top, objects] = view.lookup(view.top, ['$top', '$objects']);
    const reference = top === undefined ? undefined : view.entry(top, 'root');
    const uid = reference === undefined ? undefined : view.uid(reference);
    const root = objects === undefined || uid === undefined ? undefined : view.element(objects, uid);
    if (objects === undefined || root === undefined) throw damagedRecord('it is no archive of a file');
    this.#view = view;
    this.#objects = objects;
    this.#root = root;
  }

  file(): MbFile {
    const [target, digest, key, mode, inode, user, group, mtime, ctime, btime, size, protectionClass, attributes] =
      this.#view.lookup(this.#root, KEYS);
    return {
      mode: this.#number(mode),
      sizeBytes: this.#number(size),
      mtime: this.#time(mtime),
      ctime: this.#time(ctime),
      btime: this.#time(btime),
      target: this.#string(target),
      userId: this.#number(user),
      groupId: this.#number(group),
      inode: this.#inode(inode),
      protectionClass: this.#number(protectionClass),
      wrappedKey: this.#data(key),
      digest: this.#data(digest),
      extendedAttributes: this.#data(attributes),
    };
  }

  /** What a UID stands for; anything else is itself. */
  #resolve(object: number): number | undefined {
    const uid = this.#view.uid(object);
    return uid === undefined ? object : this.#view.element(this.#objects, uid);
  }

  #number(object: number | undefined): number | undefined {
    const value = this.#integer(object);
    return typeof value === 'number' ? value : undefined;
  }

  #integer(object: number | undefined): number | bigint | undefined {
    if (object === undefined) return undefined;
    const value = this.#view.integer(object);
    if (value !== undefined) return value;
    const found = this.#resolve(object);
    return found === undefined || found === object ? undefined : this.#view.integer(found);
  }

  #inode(object: number | undefined): bigint | undefined {
    const value = this.#integer(object);
    return value === undefined ? undefined : BigInt.asUintN(64, BigInt(value));
  }

  #string(object: number | undefined): string | undefined {
    const found = object === undefined ? undefined : this.#resolve(object);
    const text = found === undefined ? undefined : this.#view.string(found);
    return text === NULL_OBJECT ? undefined : text;
  }

  #data(object: number | undefined): Buffer | undefined {
    const found = object === undefined ? undefined : this.#resolve(object);
    if (found === undefined) return undefined;
    const bare = this.#view.data(found);
    if (bare !== undefined) return bare;
    const held = this.#view.entry(found, 'NS.data');
    const inner = held === undefined ? undefined : this.#resolve(held);
    return inner === undefined ? undefined : this.#view.data(inner);
  }

  #time(object: number | undefined): number | undefined {
    const whole = this.#number(object);
    if (whole !== undefined || object === undefined) return whole;
    const found = this.#resolve(object);
    if (found === undefined) return undefined;
    const seconds = this.#seconds(found);
    return seconds === undefined || !Number.isFinite(seconds) ? undefined : seconds;
  }

  #seconds(object: number): number | undefined {
    const ms = this.#view.date(object);
    if (ms !== undefined) return ms / 1000;
    const bare = this.#view.real(object);
    if (bare !== undefined) return bare;
    const held = this.#view.entry(object, 'NS.time');
    if (held === undefined) return undefined;
    const since2001 = this.#view.real(held) ?? this.#number(held);
    return since2001 === undefined ? undefined : since2001 + EPOCH_2001;
  }
}
