/** Entries of a zip archive, by its central directory; the one module that knows the package `yauzl`. */
import { crc32 } from 'node:zlib';
import { type Entry, getFileNameLowLevel, openPromise, type ZipFile } from 'yauzl';
import { IbkError } from '../errors.js';
import { type ArchiveEntry, damagedArchive, type TakeEntry } from './archive-entry.js';
import { codeOf } from './system-code.js';

const MADE_ON_UNIX = 3;
const TYPE_BITS = 0o170000;
const REGULAR = 0o100000;
const FOLDER = 0o040000;

/** @throws IbkError `damaged`, `incompatible`; what `take` throws */
export async function readZip(path: string, take: TakeEntry): Promise<void> {
  // Names are looked at by who takes the entries: it has its own words for those that lead away.
  const zip = await reading(() => openPromise(path, { autoClose: false, decodeStrings: false }));
  try {
    for (const entries = zip.eachEntry(); ; ) {
      const { value: entry, done } = await reading(() => entries.next());
      if (done === true) return;
      await take(described(entry), contentOf(zip, entry));
    }
  } finally {
    zip.close();
  }
}

function described(entry: Entry): ArchiveEntry {
  const { generalPurposeBitFlag, fileNameRaw, extraFields } = entry;
  const path = getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false);
  return { path, kind: kindOf(entry, path), sizeBytes: entry.uncompressedSize };
}

function kindOf({ versionMadeBy, externalFileAttributes }: Entry, path: string): ArchiveEntry['kind'] {
  const type = versionMadeBy >>> 8 === MADE_ON_UNIX ? (externalFileAttributes >>> 16) & TYPE_BITS : 0;
  if (type === FOLDER || (type === 0 && path.endsWith('/'))) return 'folder';
  return type === 0 || type === REGULAR ? 'file' : 'other';
}

async function* contentOf(zip: ZipFile, entry: Entry): AsyncGenerator<Buffer, void> {
  if (entry.isEncrypted())
    throw new IbkError('incompatible', 'The archive itself has a password.', {
      reason: 'archive_password',
      meaning: 'Nothing was taken in.',
      hint: 'Unpack it with the program that made it, then: ibk import DIR',
    });
  if (!entry.canDecodeFileData())
    throw new IbkError(
      'incompatible',
      `The archive is packed in a way that ibk does not know (${entry.compressionMethod}).`,
      {
        reason: 'archive_method',
        meaning: 'Nothing was taken in.',
        hint: 'Unpack it with the program that made it, then: ibk import DIR',
      },
    );
  let sum = 0;
  const stream = await reading(() => zip.openReadStreamPromise(entry));
  try {
    const pieces = stream[Symbol.asyncIterator]();
    for (;;) {
      const { value: piece, done } = await reading(() => pieces.next());
      if (done === true) break;
      sum = crc32(piece, sum);
      yield piece;
    }
  } finally {
    stream.destroy();
  }
  if (sum !== entry.crc32) throw damagedArchive('a file in it has another checksum than it says');
}

/** Whatever the package says is about the archive, but for what the system says. */
async function reading<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (/^E[A-Z]+$/.test(codeOf(error) ?? '')) throw error;
    throw damagedArchive('it is cut off, or no zip archive', error);
  }
}
