/**
 * Reads a finished backup folder with nothing of ibk: SQLite for Manifest.db, mbdb by hand, bplist-parser for property lists, node:crypto
 * for keys and content. What it finds is what any other program would find.
 */
import { createDecipheriv, createHash, pbkdf2Sync } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import Database from 'better-sqlite3';

const { parseBuffer } = createRequire(import.meta.url)('bplist-parser') as { parseBuffer(bytes: Buffer): unknown[] };

interface Row {
  readonly fileId: string;
  readonly domain: string;
  readonly relativePath: string;
  readonly mode: number;
  readonly size: number;
  readonly mtime: number;
  readonly key: Buffer | undefined;
  readonly digest: Buffer | undefined;
  readonly target: string | undefined;
}

export interface ReadBackup {
  /** Regular files as `domain/relativePath`, as `ibk sim ctl tree` prints them. */
  readonly tree: Record<string, { sha256: string; size: number; mode: number; mtime: number }>;
  /** What is wrong with the folder; empty when all is well. */
  readonly problems: string[];
  readonly rows: Row[];
  readonly status: Record<string, unknown>;
  readonly manifest: Record<string, unknown>;
}

const WRAP_IV = Buffer.alloc(8, 0xa6);

function plist(bytes: Buffer): Record<string, unknown> {
  return parseBuffer(bytes)[0] as Record<string, unknown>;
}

/** `password` for an encrypted backup. `missing`: fileIDs that may lack content. */
export function readBackup(folder: string, password?: string, missing: readonly string[] = []): ReadBackup {
  const problems: string[] = [];
  const status = plist(readFileSync(join(folder, 'Status.plist')));
  if (status.SnapshotState !== 'finished') problems.push(`SnapshotState is ${String(status.SnapshotState)}`);
  const manifest = plist(readFileSync(join(folder, 'Manifest.plist')));
  const encrypted = manifest.IsEncrypted === true;
  const classKeys = encrypted ? openKeybag(manifest.BackupKeyBag as Buffer, password ?? '') : new Map<number, Buffer>();
  const flat = existsSync(join(folder, 'Manifest.mbdb'));
  const rows = flat
    ? readMbdb(readFileSync(join(folder, 'Manifest.mbdb')))
    : readDb(readFileSync(join(folder, 'Manifest.db')), manifest, classKeys);
  const tree: ReadBackup['tree'] = {};
  const expected = new Set(['Info.plist', 'Manifest.plist', 'Status.plist', flat ? 'Manifest.mbdb' : 'Manifest.db']);
  for (const row of rows) {
    if (row.fileId !== createHash('sha1').update(`${row.domain}-${row.relativePath}`).digest('hex')) {
      problems.push(`fileID of ${row.domain}-${row.relativePath} is wrong`);
    }
    if ((row.mode & 0o170000) !== 0o100000) continue;
    const place = flat ? row.fileId : `${row.fileId.slice(0, 2)}/${row.fileId}`;
    expected.add(place);
    const path = join(folder, place);
    if (!existsSync(path)) {
      if (!missing.includes(row.fileId)) problems.push(`${row.domain}/${row.relativePath} has no content`);
      continue;
    }
    const stored = readFileSync(path);
    if (row.digest !== undefined && !createHash('sha1').update(stored).digest().equals(row.digest)) {
      problems.push(`digest of ${row.domain}/${row.relativePath} is wrong`);
    }
    if (encrypted !== (row.key !== undefined))
      problems.push(`${row.domain}/${row.relativePath}: key ${String(row.key)}`);
    const plain = row.key === undefined ? stored : decrypt(stored, unwrap(row.key, classKeys));
    if (plain.length !== row.size)
      problems.push(`${row.domain}/${row.relativePath}: ${plain.length} bytes, not ${row.size}`);
    const sha256 = createHash('sha256').update(plain).digest('hex');
    tree[`${row.domain}/${row.relativePath}`] = { sha256, size: plain.length, mode: row.mode, mtime: row.mtime };
  }
  for (const name of files(folder, '')) if (!expected.has(name)) problems.push(`${name} belongs to no row`);
  const ids = new Set(rows.map((row) => `${row.domain}\0${row.relativePath}`));
  for (const { domain, relativePath } of rows) {
    const parent = relativePath.includes('/') ? relativePath.slice(0, relativePath.lastIndexOf('/')) : '';
    if (relativePath !== '' && !ids.has(`${domain}\0${parent}`)) problems.push(`${domain}/${parent} has no row`);
  }
  return { tree, problems, rows, status, manifest };
}

function files(folder: string, prefix: string): string[] {
  return readdirSync(join(folder, prefix)).flatMap((name) => {
    const path = prefix === '' ? name : `${prefix}/${name}`;
    return statSync(join(folder, path)).isDirectory() ? files(folder, path) : [path];
  });
}

function unwrap(prefixed: Buffer, classKeys: Map<number, Buffer>): Buffer {
  const classKey = classKeys.get(prefixed.readUInt32LE(0));
  if (classKey === undefined) throw new Error(`no key for class ${prefixed.readUInt32LE(0)}`);
  const decipher = createDecipheriv('id-aes256-wrap', classKey, WRAP_IV);
  return Buffer.concat([decipher.update(prefixed.subarray(4)), decipher.final()]);
}

function decrypt(bytes: Buffer, key: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-cbc', key, Buffer.alloc(16));
  return Buffer.concat([decipher.update(bytes), decipher.final()]);
}

/** Class keys that the password opens. @throws with a wrong password */
export function openKeybag(bag: Buffer, password: string): Map<number, Buffer> {
  const header = new Map<string, Buffer>();
  const blocks: Map<string, Buffer>[] = [];
  for (let at = 0; at < bag.length; ) {
    const tag = bag.toString('latin1', at, at + 4);
    const length = bag.readUInt32BE(at + 4);
    const value = bag.subarray(at + 8, at + 8 + length);
    at += 8 + length;
    if (tag === 'UUID' && header.has('UUID')) blocks.push(new Map());
    (blocks.at(-1) ?? header).set(tag, value);
  }
  const number = (map: Map<string, Buffer>, tag: string) => map.get(tag)?.readUInt32BE(0) ?? 0;
  let secret = Buffer.from(password);
  const dpsl = header.get('DPSL');
  if (dpsl !== undefined) secret = pbkdf2Sync(secret, dpsl, number(header, 'DPIC'), 32, 'sha256');
  const kek = pbkdf2Sync(secret, header.get('SALT') ?? Buffer.alloc(0), number(header, 'ITER'), 32, 'sha1');
  const keys = new Map<number, Buffer>();
  for (const block of blocks) {
    if (number(block, 'WRAP') !== 2) continue;
    const decipher = createDecipheriv('id-aes256-wrap', kek, WRAP_IV);
    keys.set(
      number(block, 'CLAS'),
      Buffer.concat([decipher.update(block.get('WPKY') ?? Buffer.alloc(0)), decipher.final()]),
    );
  }
  return keys;
}

function readDb(stored: Buffer, manifest: Record<string, unknown>, classKeys: Map<number, Buffer>): Row[] {
  const key = manifest.ManifestKey as Buffer | undefined;
  const db = new Database(key === undefined ? stored : decrypt(stored, unwrap(key, classKeys)));
  try {
    const check = db.pragma('integrity_check', { simple: true });
    if (check !== 'ok') throw new Error(`Manifest.db: ${String(check)}`);
    const rows = db.prepare('SELECT fileID, domain, relativePath, flags, file FROM Files').all();
    return (rows as Record<string, unknown>[]).map((row) => {
      const archive = plist(row.file as Buffer) as { $top: { root: { UID: number } }; $objects: unknown[] };
      const follow = (value: unknown) => {
        const uid = (value as { UID?: number } | undefined)?.UID;
        return uid === undefined ? value : archive.$objects[uid];
      };
      const root = follow(archive.$top.root) as Record<string, unknown>;
      const data = (name: string) => {
        const value = follow(root[name]) as Buffer | { 'NS.data': Buffer } | undefined;
        return Buffer.isBuffer(value) ? value : value?.['NS.data'];
      };
      const mode = root.Mode as number;
      const type = mode & 0o170000;
      const flags = type === 0o100000 ? 1 : type === 0o040000 ? 2 : type === 0o120000 ? 4 : 0;
      if (flags !== row.flags) throw new Error(`flags ${String(row.flags)} do not fit mode ${mode}`);
      if (follow(root.RelativePath) !== row.relativePath) throw new Error('RelativePath does not fit the column');
      return {
        fileId: row.fileID as string,
        domain: row.domain as string,
        relativePath: row.relativePath as string,
        mode,
        size: root.Size as number,
        mtime: root.LastModified as number,
        key: data('EncryptionKey'),
        digest: data('Digest'),
        target: follow(root.Target) as string | undefined,
      };
    });
  } finally {
    db.close();
  }
}

function readMbdb(bytes: Buffer): Row[] {
  if (bytes.toString('latin1', 0, 4) !== 'mbdb') throw new Error('not a Manifest.mbdb');
  const rows: Row[] = [];
  let at = 6;
  const field = (): Buffer | undefined => {
    const length = bytes.readUInt16BE(at);
    at += 2;
    if (length === 0xffff) return undefined;
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const domain = field()?.toString() ?? '';
    const relativePath = field()?.toString() ?? '';
    const target = field()?.toString();
    const digest = field();
    const key = field();
    const mode = bytes.readUInt16BE(at);
    const mtime = bytes.readUInt32BE(at + 18);
    const size = Number(bytes.readBigUInt64BE(at + 30));
    const properties = bytes.readUInt8(at + 39);
    at += 40;
    for (let i = 0; i < properties; i += 1) {
      field();
      field();
    }
    const fileId = createHash('sha1').update(`${domain}-${relativePath}`).digest('hex');
    rows.push({ fileId, domain, relativePath, mode, size, mtime, key, digest, target });
  }
  return rows;
}
