/** A file of this computer as a file of a backup: its stored bytes, encrypted under a key of its own where the backup is, and its record. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { fileIdFor } from '../../backup/format/mbdb.js';
import { sealedPieces } from '../../backup/format/stored-bytes.js';
import type { ManifestEdit } from '../../backup/reader/manifest-edit.js';
import type { FileDetails, OpenedBackup } from '../../backup/reader/types.js';
import { IbkError } from '../../errors.js';
import { detailsOf } from '../list-files.js';

/** `mobile`, the owner of nearly everything in a backup. */
const MOBILE = 501;
const FILE_MODE = 0o100644;
const FOLDER_MODE = 0o040755;
/** Complete until first user authentication: what most files have. */
const USUAL_CLASS = 3;
/** A database that is replaced must not meet the log of the one before. */
const LOGS = ['-wal', '-shm', '-journal'] as const;

export interface PutFile {
  readonly domain: string;
  readonly relativePath: string;
  /** Absolute path on this computer. */
  readonly from: string;
}

export interface PlacedFile {
  readonly fileId: string;
  readonly sizeBytes: number;
  /** FileIDs of what went with what was replaced. */
  readonly removed: readonly string[];
  readonly content: AsyncIterable<Buffer>;
  /** To be called when `content` was read: now its digest is known. */
  finish(): void;
  close(): Promise<void>;
}

/** @throws IbkError `not_found`: no such file; `usage`: it is none; `incompatible` */
export async function placeFile(
  backup: OpenedBackup,
  edit: ManifestEdit,
  { domain, relativePath, from }: PutFile,
  nowSeconds: number,
): Promise<PlacedFile> {
  if (edit.hasEncryptedRecords)
    throw new IbkError('incompatible', 'Nothing can be put into an encrypted backup of iOS 10.0.', {
      meaning: 'Its records are encrypted one by one. Nothing was changed.',
      hint: 'A plain copy of it: ibk decrypt',
    });
  const file = await openRegular(from);
  try {
    const { size: sizeBytes, mtimeMs } = await file.stat();
    const fileId = fileIdFor(domain, relativePath);
    const there = await backup.find(domain, relativePath);
    if (there !== undefined && there.kind !== 'file')
      throw new IbkError('usage', `${domain}/${relativePath} is no file in this backup.`, {
        hint: 'Put it into that folder, or under another name.',
      });
    const details = there === undefined ? undefined : detailsOf(there);
    const model = details ?? (await modelIn(backup, domain, relativePath));
    const protectionClass = classOf(model);
    const made = edit.newKey(protectionClass);
    const digest = createHash(model?.digest?.length === 32 ? 'sha256' : 'sha1');
    const hasDigest = model?.digest != null;
    const removed = there === undefined ? [] : LOGS.map((suffix) => fileIdFor(domain, `${relativePath}${suffix}`));
    return {
      ...{ fileId, sizeBytes, removed },
      content: storedBytes(file, made?.key, (bytes) => digest.update(bytes)),
      finish: () => {
        for (const id of removed) edit.remove(id);
        addFolders(edit, domain, relativePath, nowSeconds);
        edit.put({
          ...{ fileId, domain, relativePath, sizeBytes, protectionClass },
          time: Math.floor(mtimeMs / 1000),
          digest: hasDigest ? digest.digest() : undefined,
          wrappedKey: made?.wrapped,
          userId: model?.userId ?? MOBILE,
          groupId: model?.groupId ?? MOBILE,
          mode: FILE_MODE,
          inode: inodeOf(fileId),
        });
      },
      close: async () => {
        made?.key.fill(0);
        await file.close();
      },
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openRegular(path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    throw new IbkError('not_found', `${path} cannot be read.`, { reason: 'no_file', cause, hint: 'ibk edit --help' });
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new IbkError('usage', `${path} is no file.`, {
    hint: 'One file at a time: ibk edit BACKUP put FILE DOMAIN/PATH',
  });
}

/** A file beside it, or anywhere in the domain: has it a digest, which class and owner? */
async function modelIn(backup: OpenedBackup, domain: string, path: string): Promise<FileDetails | undefined> {
  const cut = path.lastIndexOf('/');
  const folders = cut < 0 ? [undefined] : [path.slice(0, cut), undefined];
  for (const below of folders)
    for await (const page of backup.records({ domains: [domain], below }))
      for (const record of page) {
        const details = record.kind === 'file' ? detailsOf(record) : undefined;
        if (details !== undefined) return details;
      }
  return undefined;
}

/** The class of the key where there is one: the record may claim another. */
function classOf(model: FileDetails | undefined): number {
  return model?.wrappedKey?.readUInt32LE(0) ?? model?.protectionClass ?? USUAL_CLASS;
}

/** Unique, and the same each time: the device makes its own when it restores. */
const inodeOf = (fileId: string): bigint => BigInt(`0x${fileId.slice(0, 12)}`) + 1n;

/** The folders above it that the manifest does not have. */
function addFolders(edit: ManifestEdit, domain: string, path: string, time: number): void {
  const parts = path.split('/').slice(0, -1);
  for (let depth = 0; depth <= parts.length; depth++) {
    const relativePath = parts.slice(0, depth).join('/');
    const fileId = fileIdFor(domain, relativePath);
    if (edit.has(fileId)) continue;
    const owner = { userId: MOBILE, groupId: MOBILE, protectionClass: 0, sizeBytes: 0 };
    const rest = { mode: FOLDER_MODE, inode: inodeOf(fileId), time, digest: undefined, wrappedKey: undefined };
    edit.put({ fileId, domain, relativePath, ...owner, ...rest });
  }
}

async function* storedBytes(
  file: FileHandle,
  key: Buffer | undefined,
  onStored: (bytes: Buffer) => void,
): AsyncGenerator<Buffer, void> {
  const read = async (into: Buffer, at: number) => (await file.read(into, 0, into.length, at)).bytesRead;
  for await (const stored of sealedPieces(read, key)) {
    onStored(stored);
    yield stored;
  }
}
