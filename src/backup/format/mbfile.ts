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
  mode: number | undefined;
  sizeBytes: number | undefined;
  /** Unix seconds. */
  mtime: number | undefined;
  ctime: number | undefined;
  btime: number | undefined;
  target: string | undefined;
  userId: number | undefined;
  groupId: number | undefined;
  inode: bigint | undefined;
  protectionClass: number | undefined;
  wrappedKey: Buffer | undefined;
  digest: Buffer | undefined;
  extendedAttributes: Buffer | undefined;
}

/** Seconds from 1970 to 2001. */
const EPOCH_2001 = 978_307_200;
const NULL_OBJECT = '$null';

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
    let top: number | undefined;
    let objects: number | undefined;
    view.forEachEntry(view.top, (key, object) => {
      if (key === '$top') top = object;
      else if (key === '$objects') objects = object;
    });
    const reference = top === undefined ? undefined : view.entry(top, 'root');
    const uid = reference === undefined ? undefined : view.uid(reference);
    const root = objects === undefined || uid === undefined ? undefined : view.element(objects, uid);
    if (objects === undefined || root === undefined) throw damagedRecord('it is no archive of a file');
    this.#view = view;
    this.#objects = objects;
    this.#root = root;
  }

  file(): MbFile {
    const file: MbFile = {
      mode: undefined,
      sizeBytes: undefined,
      mtime: undefined,
      ctime: undefined,
      btime: undefined,
      target: undefined,
      userId: undefined,
      groupId: undefined,
      inode: undefined,
      protectionClass: undefined,
      wrappedKey: undefined,
      digest: undefined,
      extendedAttributes: undefined,
    };
    this.#view.forEachEntry(this.#root, (key, object) => this.#take(file, key, object));
    return file;
  }

  #take(file: MbFile, key: string, object: number): void {
    switch (key) {
      case 'Mode':
        file.mode = this.#number(object);
        return;
      case 'Size':
        file.sizeBytes = this.#number(object);
        return;
      case 'LastModified':
        file.mtime = this.#time(object);
        return;
      case 'LastStatusChange':
        file.ctime = this.#time(object);
        return;
      case 'Birth':
        file.btime = this.#time(object);
        return;
      case 'Target':
        file.target = this.#string(object);
        return;
      case 'UserID':
        file.userId = this.#number(object);
        return;
      case 'GroupID':
        file.groupId = this.#number(object);
        return;
      case 'InodeNumber':
        file.inode = this.#inode(object);
        return;
      case 'ProtectionClass':
        file.protectionClass = this.#number(object);
        return;
      case 'EncryptionKey':
        file.wrappedKey = this.#data(object);
        return;
      case 'Digest':
        file.digest = this.#data(object);
        return;
      case 'ExtendedAttributes':
        file.extendedAttributes = this.#data(object);
        return;
      default:
    }
  }

  /** What a UID stands for; anything else is itself. */
  #resolve(object: number): number | undefined {
    const uid = this.#view.uid(object);
    return uid === undefined ? object : this.#view.element(this.#objects, uid);
  }

  #number(object: number): number | undefined {
    const value = this.#integer(object);
    return typeof value === 'number' ? value : undefined;
  }

  #integer(object: number): number | bigint | undefined {
    const value = this.#view.integer(object);
    if (value !== undefined) return value;
    const found = this.#resolve(object);
    return found === undefined || found === object ? undefined : this.#view.integer(found);
  }

  #inode(object: number): bigint | undefined {
    const value = this.#integer(object);
    return value === undefined ? undefined : BigInt.asUintN(64, BigInt(value));
  }

  #string(object: number): string | undefined {
    const found = this.#resolve(object);
    const text = found === undefined ? undefined : this.#view.string(found);
    return text === NULL_OBJECT ? undefined : text;
  }

  #data(object: number): Buffer | undefined {
    const found = this.#resolve(object);
    if (found === undefined) return undefined;
    const bare = this.#view.data(found);
    if (bare !== undefined) return bare;
    const held = this.#view.entry(found, 'NS.data');
    const inner = held === undefined ? undefined : this.#resolve(held);
    return inner === undefined ? undefined : this.#view.data(inner);
  }

  #time(object: number): number | undefined {
    const whole = this.#number(object);
    if (whole !== undefined) return whole;
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
