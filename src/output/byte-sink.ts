/** Where the bytes of an archive, or of one file, go: a file that gets its name at the end, or a stream that somebody reads. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, constants, fchmodSync, fsyncSync, futimesSync, openSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { throwIfAborted } from '../io/abort.js';
import { codeOf } from '../io/system-code.js';
import { writeAll } from './folder-target.js';
import { OutputClosed, placeError } from './output-errors.js';

export interface ByteSink {
  /** The bytes may be used again when it is done. */
  write(bytes: Buffer): Promise<void> | void;
  finish(facts?: { readonly mode: number; readonly mtime: number | null }): Promise<void>;
  abandon(): Promise<void>;
}

/** A file of 0600 under a passing name beside its own, which it gets when it is whole. @throws IbkError `destination` */
export function fileSink(path: string): ByteSink {
  const temporary = join(dirname(path), `.${basename(path).slice(0, 60)}.ibk-${randomBytes(6).toString('hex')}.part`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const fd = orPlaceError(() => openSync(temporary, flags, 0o600));
  let open = true;
  const close = () => {
    if (open) closeSync(fd);
    open = false;
  };
  return {
    write: (bytes) => orPlaceError(() => writeAll(fd, bytes)),
    finish: async (facts) =>
      orPlaceError(() => {
        if (facts !== undefined) fchmodSync(fd, facts.mode);
        if (facts?.mtime != null) futimesSync(fd, facts.mtime, facts.mtime);
        fsyncSync(fd);
        close();
        renameSync(temporary, path);
      }),
    abandon: async () => {
      close();
      rmSync(temporary, { force: true });
    },
  };
}

/** A pipe or a device that is there. @throws IbkError `destination`, OutputClosed */
export function passedSink(path: string): ByteSink {
  const fd = orPlaceError(() => openSync(path, constants.O_WRONLY));
  return {
    write: (bytes) => orPlaceError(() => writeAll(fd, bytes)),
    finish: async () => closeSync(fd),
    abandon: async () => closeSync(fd),
  };
}

/** A stream that stays open for others, such as standard output. @throws OutputClosed, IbkError `destination`, the signal's reason */
export function streamSink(stream: Writable, signal: AbortSignal | undefined): ByteSink {
  let failure: unknown;
  const onError = (error: unknown) => {
    failure ??= codeOf(error) === 'EPIPE' ? new OutputClosed() : placeError(error);
  };
  stream.on('error', onError);
  const throwFailure = () => {
    if (failure !== undefined) throw failure;
    throwIfAborted(signal);
  };
  return {
    write: async (bytes) => {
      throwFailure();
      // It may be used again by its owner, and the stream keeps it until it is read.
      if (!stream.write(Buffer.from(bytes))) await once(stream, 'drain', { signal }).catch(() => undefined);
      throwFailure();
    },
    finish: async () => {
      await new Promise<void>((resolve) => stream.write('', () => resolve()));
      throwFailure();
      stream.off('error', onError);
    },
    abandon: async () => {
      stream.off('error', onError);
    },
  };
}

/** Compresses what goes to another sink. */
export function gzipSink(to: ByteSink): ByteSink {
  const gzip = createGzip();
  let failure: unknown;
  const passing = (async () => {
    for await (const piece of gzip) await to.write(piece);
  })().catch((error: unknown) => {
    failure = error;
    gzip.destroy();
  });
  const ready = () => Promise.race([once(gzip, 'drain'), passing]);
  return {
    write: async (bytes) => {
      if (failure !== undefined) throw failure;
      if (!gzip.write(Buffer.from(bytes))) await ready();
      if (failure !== undefined) throw failure;
    },
    finish: async (facts) => {
      gzip.end();
      await passing;
      if (failure !== undefined) throw failure;
      await to.finish(facts);
    },
    abandon: async () => {
      gzip.destroy();
      await passing;
      await to.abandon();
    },
  };
}

/** Gathers small writes: headers and small files would each be a call to the system. */
export function bufferedSink(to: ByteSink, size = 256 * 1024): ByteSink {
  const buffer = Buffer.allocUnsafe(size);
  let used = 0;
  const flush = async () => {
    const gathered = buffer.subarray(0, used);
    used = 0;
    if (gathered.length > 0) await to.write(gathered);
  };
  return {
    write: (bytes) => {
      if (used + bytes.length <= size) {
        used += bytes.copy(buffer, used);
        return;
      }
      return (async () => {
        await flush();
        if (bytes.length > size / 2) await to.write(bytes);
        else used += bytes.copy(buffer, used);
      })();
    },
    finish: async (facts) => {
      await flush();
      await to.finish(facts);
    },
    abandon: () => to.abandon(),
  };
}

function orPlaceError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw codeOf(error) === 'EPIPE' ? new OutputClosed() : placeError(error);
  }
}
