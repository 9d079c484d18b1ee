/** For programs: the plain content of a file as a stream of Node. */
import { Readable } from 'node:stream';
import type { FileContent, FileRecord, OpenedBackup } from '../backup/reader/types.js';

/**
 * Closes the file when it ends or is destroyed. Undefined: a folder, a link, or not in the backup although the manifest names it.
 * @throws IbkError as `content`; the stream itself fails with `damaged` or the signal's reason
 */
export function openFileStream(
  backup: Pick<OpenedBackup, 'content'>,
  record: FileRecord,
  signal?: AbortSignal,
): Readable | undefined {
  const content = backup.content(record);
  if (content === undefined) return undefined;
  const stream = Readable.from(copiedPieces(content, signal), { objectMode: false });
  return stream.once('close', () => content.close());
}

/** A stream reads ahead of its reader, and each piece is good until the next is asked for. */
async function* copiedPieces(content: FileContent, signal: AbortSignal | undefined): AsyncGenerator<Buffer, void> {
  for await (const piece of content.pieces(signal)) yield Buffer.from(piece);
}
