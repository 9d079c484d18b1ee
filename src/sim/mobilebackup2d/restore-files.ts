/** The files of a restore, batch by batch: each is decrypted as it arrives, checked against the manifest, and written to the phone's own storage. */
import { createDecipheriv, createHash, type Decipher, type Hash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openKey } from '../backup-set/open-keybag.js';
import type { StoredRecord } from '../backup-set/stored-record.js';
import type { ContentItem } from '../content/item.js';
import type { DownloadTarget } from './download-stream.js';
import { invalid, type RestoreSource } from './restore-source.js';
import type { BackupSession } from './session.js';

const BATCH_BYTES = 4 * 1024 * 1024;
const BATCH_FILES = 512;
const FIRST_PERCENT = 1;
const LAST_PERCENT = 96;
const FIRST_INODE = 0x3000_0000;
const ZERO_IV = Buffer.alloc(16);

/** @returns every item of the backup, as the phone then has it. @throws FinalAnswer 205 */
export async function receiveItems(
  session: BackupSession,
  source: RestoreSource,
  folder: string,
): Promise<ContentItem[]> {
  const { phone, faults } = session;
  const total = Math.max(
    1,
    source.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  );
  const received = new Map<string, RestoredFile>();
  const cut = faults.isAt('cut', 'receive');
  let done = 0;
  for (const batch of batches(source.files)) {
    if (phone.cancelRequested) await session.cancel();
    if (cut && received.size * 2 >= source.files.length) session.pullCable();
    const targets = batch.map((record) => new RestoredFile(record, source, folder));
    try {
      const share = done / total;
      const outcome = await session.disk.download(targets, FIRST_PERCENT + (LAST_PERCENT - FIRST_PERCENT) * share);
      phone.stats.bytesDownloaded += outcome.bytes;
      const lacking = targets.find(({ path }) => !outcome.received.has(path));
      if (lacking !== undefined) throw invalid(`Multiple errors downloading files: ${lacking.path}`);
      for (const target of targets) {
        target.finish();
        received.set(target.record.fileId, target);
      }
    } finally {
      for (const target of targets) target.close();
    }
    done += batch.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }
  if (cut) session.pullCable();
  const now = Math.floor(phone.clock.now() / 1000);
  return source.records.map((record, i) => itemOf(record, received.get(record.fileId), now, FIRST_INODE + i));
}

function* batches(files: readonly StoredRecord[]): Generator<readonly StoredRecord[], void> {
  let current: StoredRecord[] = [];
  let bytes = 0;
  for (const record of files) {
    current.push(record);
    bytes += record.sizeBytes;
    if (bytes < BATCH_BYTES && current.length < BATCH_FILES) continue;
    yield current;
    current = [];
    bytes = 0;
  }
  if (current.length > 0) yield current;
}

class RestoredFile implements DownloadTarget {
  readonly path: string;
  readonly file: string;
  readonly #sha256 = createHash('sha256');
  readonly #digest: Hash | undefined;
  readonly #decipher: Decipher | undefined;
  #fd: number | undefined;
  #sizeBytes = 0;
  #revision = '';

  constructor(
    readonly record: StoredRecord,
    source: RestoreSource,
    folder: string,
  ) {
    const { fileId, digest, encryptionKey } = record;
    const relative = source.layout === 'flat' ? fileId : `${fileId.slice(0, 2)}/${fileId}`;
    this.path = `${source.folder}/${relative}`;
    if (digest !== undefined) this.#digest = createHash(digest.length === 32 ? 'sha256' : 'sha1');
    if (encryptionKey !== undefined && source.classKeys !== undefined) {
      const key = openKey(source.classKeys, encryptionKey);
      if (key === undefined) throw invalid(`The key of ${this.path} does not open`);
      this.#decipher = createDecipheriv('aes-256-cbc', key, ZERO_IV);
    }
    const parent = join(folder, 'files', fileId.slice(0, 2));
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    this.file = join(parent, fileId);
    this.#fd = openSync(this.file, 'wx', 0o600);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** SHA-256 of the plain content, once it is whole. */
  get revision(): string {
    return this.#revision;
  }

  receive(bytes: Buffer): void {
    this.#digest?.update(bytes);
    this.#keep(this.#decipher === undefined ? bytes : this.#decipher.update(bytes));
  }

  /** @throws FinalAnswer 205: other bytes than the manifest says */
  finish(): void {
    try {
      // Some tools store an empty file as no bytes at all, without padding.
      if (this.#decipher !== undefined && (this.#sizeBytes > 0 || this.record.sizeBytes > 0))
        this.#keep(this.#decipher.final());
    } catch {
      throw invalid(`The content of ${this.path} does not decrypt`);
    }
    if (this.#digest !== undefined && !this.#digest.digest().equals(this.record.digest ?? Buffer.alloc(0)))
      throw invalid("Digest didn't match for some files");
    this.#revision = this.#sha256.digest('hex');
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #keep(plain: Buffer): void {
    if (this.#fd === undefined) throw new Error('a file that was closed');
    this.#sha256.update(plain);
    this.#sizeBytes += plain.length;
    for (let at = 0; at < plain.length; ) at += writeSync(this.#fd, plain, at);
  }
}

function itemOf(record: StoredRecord, file: RestoredFile | undefined, now: number, inode: number): ContentItem {
  const { domain, relativePath, mode, userId, groupId, modified, born, protectionClass, extendedAttributes } = record;
  const facts = { domain, relativePath, mode, userId, groupId, inode, modified, changed: now, born, protectionClass };
  const common = { ...facts, extendedAttributes };
  if (file !== undefined) {
    const source = {
      kind: 'disk',
      id: `restored/${record.fileId}`,
      revision: file.revision,
      path: file.file,
    } as const;
    return { kind: 'file', ...common, sizeBytes: file.sizeBytes, source };
  }
  if (record.target !== undefined) return { kind: 'symlink', ...common, target: record.target };
  return { kind: 'directory', ...common };
}
