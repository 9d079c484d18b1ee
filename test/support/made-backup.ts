/**
 * Small backups of every generation, made by node:crypto, the sqlite3 program and a few lines of bytes: nothing that reads backups in ibk has a part in it.
 * Keys, salts and iterations are test values (1000 rounds), the forms those of real backups.
 */
import { createCipheriv, createHash, pbkdf2Sync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { buildBinaryPlist } from '../../src/plist/codec.js';
import { type PlistValue, PlistUid, plistDict } from '../../src/plist/value.js';

export interface MadeFile {
  readonly domain: string;
  readonly relativePath: string;
  /** Default `file`. */
  readonly kind?: 'file' | 'directory' | 'symlink';
  readonly content?: Buffer;
  readonly target?: string;
  /** Permission bits. */
  readonly mode?: number;
  readonly mtime?: number;
  readonly digest?: boolean;
  readonly attributes?: Readonly<Record<string, Buffer>>;
  readonly protectionClass?: number;
  /** In an encrypted backup: no key, stored as it is. */
  readonly unkeyed?: boolean;
  /** Claimed; default: the content's. */
  readonly size?: number | bigint;
  /** Instead of what would be stored. Null: nothing is. */
  readonly stored?: Buffer | null;
}

/** `db-10.0`: Manifest.db is plain, its records are not. */
export type MadeEra = 'mdbackup' | 'mdinfo' | 'mbdb' | 'db-10.0' | 'db-10.1' | 'db';

export interface MadeBackup {
  readonly era: MadeEra;
  readonly password?: string;
  readonly files: readonly MadeFile[];
  /** SQL that runs at the end, before Manifest.db is encrypted. */
  readonly sql?: string;
  readonly iterations?: number;
}

export const fileIdOf = (domain: string, path: string): string =>
  createHash('sha1').update(`${domain}-${path}`, 'utf8').digest('hex');

const TYPE_BITS = { file: 0x8000, directory: 0x4000, symlink: 0xa000 } as const;
const FLAGS = { file: 1, directory: 2, symlink: 4 } as const;
const sha = (label: string, bytes = 32) => createHash('sha256').update(label).digest().subarray(0, bytes);

export function wrap(kek: Buffer, key: Buffer): Buffer {
  const cipher = createCipheriv('id-aes256-wrap', kek, Buffer.alloc(8, 0xa6));
  return Buffer.concat([cipher.update(key), cipher.final()]);
}

export function encrypt(key: Buffer, plain: Buffer, vector = Buffer.alloc(16)): Buffer {
  const cipher = createCipheriv('aes-256-cbc', key, vector);
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}

const u32 = (value: number, little = false): Buffer => {
  const bytes = Buffer.alloc(4);
  if (little) bytes.writeUInt32LE(value);
  else bytes.writeUInt32BE(value);
  return bytes;
};

export const tag = (name: string, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from(name, 'latin1'), u32(value.length), value]);

const classKey = (protectionClass: number) => sha(`class ${protectionClass}`);
const prefixed = (protectionClass: number, key: Buffer) =>
  Buffer.concat([u32(protectionClass, true), wrap(classKey(protectionClass), key)]);

/** The bag, as a real one of 11 classes: 5 and 9-11 need the device. */
export function makeKeybag(password: string, double: boolean, iterations = 1000): Buffer {
  const [salt, dpsl] = [sha('salt', 20), sha('dpsl', 20)];
  const first = double ? pbkdf2Sync(password, dpsl, iterations, 32, 'sha256') : Buffer.from(password);
  const kek = pbkdf2Sync(first, salt, iterations, 32, 'sha1');
  const parts = [
    tag('VERS', u32(double ? 5 : 3)),
    tag('TYPE', u32(1)),
    tag('UUID', sha('bag', 16)),
    tag('HMCK', Buffer.alloc(40)),
    tag('WRAP', u32(0)),
    tag('SALT', salt),
    tag('ITER', u32(iterations)),
  ];
  if (double) parts.push(tag('DPWT', u32(1)), tag('DPIC', u32(iterations)), tag('DPSL', dpsl));
  for (let number = 11; number >= 1; number--) {
    const device = number === 5 || number >= 9;
    parts.push(tag('UUID', sha(`uuid ${number}`, 16)), tag('CLAS', u32(number)), tag('WRAP', u32(device ? 3 : 2)));
    parts.push(tag('KTYP', u32(0)), tag('WPKY', wrap(kek, device ? sha(`device ${number}`) : classKey(number))));
  }
  return Buffer.concat(parts);
}

interface Stored {
  readonly bytes: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly digest: Buffer | undefined;
}

function store(file: MadeFile, encrypted: boolean): Stored {
  if ((file.kind ?? 'file') !== 'file') return { bytes: undefined, key: undefined, digest: undefined };
  const content = file.content ?? Buffer.alloc(0);
  const isKeyed = encrypted && file.unkeyed !== true;
  const fileKey = sha(`key of ${file.domain}-${file.relativePath}`);
  const made = isKeyed ? encrypt(fileKey, content) : content;
  const bytes = file.stored === null ? undefined : (file.stored ?? made);
  const digest = file.digest === true ? createHash('sha1').update(made).digest() : undefined;
  return { bytes, key: isKeyed ? prefixed(file.protectionClass ?? 3, fileKey) : undefined, digest };
}

/** The keyed archive, in the order of a real one: `$null`, MBFile, path, then what it points to. */
export function makeMbFile(file: MadeFile, { key, digest }: Pick<Stored, 'key' | 'digest'>): Buffer {
  const kind = file.kind ?? 'file';
  const objects: PlistValue[] = ['$null', '', file.relativePath];
  const add = (value: PlistValue) => new PlistUid(objects.push(value) - 1);
  const time = file.mtime ?? 1_700_000_000;
  const entries: Record<string, PlistValue | undefined> = {
    RelativePath: new PlistUid(2),
    Target: file.target === undefined ? undefined : add(file.target),
    Digest: digest === undefined ? undefined : add(digest),
    EncryptionKey:
      key === undefined
        ? undefined
        : add(plistDict({ 'NS.data': key, $class: add(plistDict({ $classname: 'NSMutableData', $classes: [] })) })),
    Mode: TYPE_BITS[kind] | (file.mode ?? 0o644),
    InodeNumber: 74_354,
    UserID: 501,
    GroupID: 501,
    LastModified: time,
    LastStatusChange: time + 1,
    Birth: time - 1,
    Size: file.size ?? file.content?.length ?? 0,
    ProtectionClass: file.protectionClass ?? 3,
    ExtendedAttributes: file.attributes === undefined ? undefined : add(buildBinaryPlist(plistDict(file.attributes))),
    Flags: 0,
  };
  objects[1] = plistDict({ ...entries, $class: add(plistDict({ $classname: 'MBFile', $classes: ['MBFile'] })) });
  const top = plistDict({ root: new PlistUid(1) });
  return buildBinaryPlist(plistDict({ $version: 100_000, $archiver: 'NSKeyedArchiver', $top: top, $objects: objects }));
}

/** As iOS 10-26 has it (backup format notes, 3.1). */
export const FILES_SCHEMA = `
CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB);
CREATE INDEX FilesDomainIdx ON Files(domain);
CREATE INDEX FilesRelativePathIdx ON Files(relativePath);
CREATE INDEX FilesFlagsIdx ON Files(flags);
CREATE TABLE Properties (key TEXT PRIMARY KEY, value BLOB);`;

export const sqlText = (text: string): string => `CAST(x'${Buffer.from(text, 'utf8').toString('hex')}' AS TEXT)`;

export function sqlite3(path: string, sql: string): string {
  return execFileSync('sqlite3', ['-bail', path], { input: sql, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
}

const RECORD_SALT = Buffer.from('saltsalt');

/** The record as iOS 10.0 encrypts it: base64 of AES-128-CBC. */
function record100(password: string, record: Buffer): string {
  const key = createHash('sha1').update(password).update(RECORD_SALT).digest().subarray(0, 16);
  const cipher = createCipheriv('aes-128-cbc', key, Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'));
  return Buffer.concat([cipher.update(record), cipher.final()]).toString('base64');
}

/** Writes the backup into a folder that is there and empty. */
export function makeBackup(folder: string, made: MadeBackup): void {
  const { era, password, files } = made;
  const manifest: Record<string, PlistValue> = {
    Version: era.startsWith('db') ? '10.0' : '9.1',
    Date: new Date('2026-11-21T07:06:00Z'),
    IsEncrypted: password !== undefined,
    SystemDomainsVersion: '24.0',
    WasPasscodeSet: true,
    Lockdown: plistDict({ DeviceName: "Anna's iPhone", ProductVersion: '17.5', UniqueDeviceID: '0'.repeat(40) }),
    Applications: plistDict(),
    BackupKeyBag: makeKeybag(password ?? 'nobody knows', era === 'db' && password !== undefined, made.iterations),
  };
  if (era.startsWith('db')) makeDatabase(folder, made, manifest);
  else if (era === 'mbdb') makeMbdb(folder, files, password !== undefined);
  else makeOld(folder, made, manifest);
  writeFileSync(join(folder, 'Manifest.plist'), buildBinaryPlist(plistDict(manifest)));
  const status = { Version: '3.3', UUID: 'U', Date: new Date('2026-11-21T07:06:00Z'), BackupState: 'new' };
  writeFileSync(
    join(folder, 'Status.plist'),
    buildBinaryPlist(plistDict({ ...status, SnapshotState: 'finished', IsFullBackup: true })),
  );
  writeFileSync(
    join(folder, 'Info.plist'),
    buildBinaryPlist(plistDict({ 'Device Name': "Anna's iPhone", 'Target Identifier': '0'.repeat(40) })),
  );
}

function makeDatabase(folder: string, made: MadeBackup, manifest: Record<string, PlistValue>): void {
  const { era, password, files } = made;
  const path = join(folder, 'Manifest.db');
  const rows = files.map((file) => {
    const stored = store(file, password !== undefined);
    const id = fileIdOf(file.domain, file.relativePath);
    if (stored.bytes !== undefined) write(folder, `${id.slice(0, 2)}/${id}`, stored.bytes);
    const record = makeMbFile(file, stored);
    const column =
      era === 'db-10.0' && password !== undefined ? `'${record100(password, record)}'` : `x'${record.toString('hex')}'`;
    const names = `'${id}', ${sqlText(file.domain)}, ${sqlText(file.relativePath)}`;
    return `INSERT INTO Files VALUES (${names}, ${FLAGS[file.kind ?? 'file']}, ${column});`;
  });
  const salt =
    era === 'db-10.0' && password !== undefined
      ? [`INSERT INTO Properties VALUES ('salt', x'${RECORD_SALT.toString('hex')}');`]
      : [];
  sqlite3(path, [FILES_SCHEMA, 'BEGIN;', ...rows, ...salt, 'COMMIT;', made.sql ?? ''].join('\n'));
  if (era !== 'db' || password === undefined) return;
  const key = sha('manifest key');
  manifest['ManifestKey'] = prefixed(4, key);
  writeFileSync(path, encrypt(key, execFileSync('cat', [path], { maxBuffer: 256 * 1024 * 1024 })));
}

export const MBDB_MAGIC = Buffer.from('6d6264620500', 'hex');

export function makeMbdbRecord(file: MadeFile, { key, digest }: Pick<Stored, 'key' | 'digest'>): Buffer {
  const kind = file.kind ?? 'file';
  const string = (value: Buffer | string | undefined): Buffer => {
    if (value === undefined) return Buffer.from('ffff', 'hex');
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
  };
  const time = file.mtime ?? 1_300_000_000;
  const fixed = Buffer.alloc(40);
  fixed.writeUInt16BE(TYPE_BITS[kind] | (file.mode ?? 0o644), 0);
  fixed.writeBigUInt64BE(0x1234n, 2);
  fixed.writeUInt32BE(501, 10);
  fixed.writeUInt32BE(501, 14);
  fixed.writeUInt32BE(time, 18);
  fixed.writeUInt32BE(time + 1, 22);
  fixed.writeUInt32BE(time - 1, 26);
  fixed.writeBigUInt64BE(BigInt(file.size ?? file.content?.length ?? 0), 30);
  fixed[38] = file.protectionClass ?? 3;
  const attributes = Object.entries(file.attributes ?? {});
  fixed[39] = attributes.length;
  return Buffer.concat([
    ...[file.domain, file.relativePath, file.target, digest, key].map(string),
    fixed,
    ...attributes.flatMap(([name, value]) => [string(name), string(value)]),
  ]);
}

function makeMbdb(folder: string, files: readonly MadeFile[], encrypted: boolean): void {
  const records = files.map((file) => {
    const stored = store(file, encrypted);
    if (stored.bytes !== undefined) write(folder, fileIdOf(file.domain, file.relativePath), stored.bytes);
    return makeMbdbRecord(file, stored);
  });
  writeFileSync(join(folder, 'Manifest.mbdb'), Buffer.concat([MBDB_MAGIC, ...records]));
}

/** iPhone OS 1-3: a property list for each file. */
function makeOld(folder: string, made: MadeBackup, manifest: Record<string, PlistValue>): void {
  const { era, password } = made;
  delete manifest['BackupKeyBag'];
  delete manifest['Version'];
  const [salt, vector, authKey] = [sha('salt', 8), sha('vector', 16), sha('auth key')];
  const close = (label: string, plain: Buffer): Buffer => {
    if (password === undefined) return plain;
    const [key, iv] = [sha(label), sha(`iv ${label}`, 16)];
    return Buffer.concat([Buffer.from('00420100', 'hex'), iv, encrypt(authKey, key, iv), encrypt(key, plain, iv)]);
  };
  for (const file of made.files) {
    const id = fileIdOf(file.domain, file.relativePath);
    const content = file.content ?? Buffer.alloc(0);
    if (era === 'mdbackup') {
      const plist = { Path: file.relativePath, Domain: file.domain, Data: content, Version: '3.0', Greylist: false };
      write(folder, `${id}.mdbackup`, buildBinaryPlist(plistDict(plist)));
      continue;
    }
    const names = plistDict({ Path: file.relativePath, Domain: file.domain, Version: '3.0', Greylist: false });
    const metadata = close(`names of ${id}`, buildBinaryPlist(names));
    const plist = { Metadata: metadata, IsEncrypted: password !== undefined, AuthVersion: '1.0' };
    write(folder, `${id}.mdinfo`, buildBinaryPlist(plistDict(plist)));
    if (file.stored !== null) write(folder, `${id}.mddata`, file.stored ?? close(`content of ${id}`, content));
  }
  const data: Record<string, PlistValue> = { Files: plistDict() };
  if (password !== undefined) {
    const kek = pbkdf2Sync(password, salt, 2000, 32, 'sha1');
    const check = Buffer.concat([authKey, createHash('sha1').update(authKey).digest()]);
    data['AuthData'] = Buffer.concat([salt, vector, encrypt(kek, check, vector)]);
  }
  const bytes = buildBinaryPlist(plistDict(data));
  manifest['Data'] = bytes;
  manifest['AuthVersion'] = '2.0';
  manifest['AuthSignature'] = createHash('sha1').update(bytes).digest();
}

function write(folder: string, path: string, bytes: Buffer): void {
  if (path.includes('/')) mkdirSync(join(folder, path.slice(0, 2)), { recursive: true });
  writeFileSync(join(folder, path), bytes);
}
