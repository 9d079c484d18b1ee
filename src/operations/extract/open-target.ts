/** Opens the place that an extraction goes to, for writing. */
import { rmdirSync, statSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { IbkError } from '../../errors.js';
import { formatBytes } from '../../figures.js';
import { freeBytes } from '../../io/disk-space.js';
import { makePrivateFolder } from '../../io/private-files.js';
import { bufferedSink, type ByteSink, fileSink, gzipSink, passedSink, streamSink } from '../../output/byte-sink.js';
import { FolderTarget, type Overwrite } from '../../output/folder-target.js';
import { type PlaceRules, POSIX_PLACE, STRICTEST_PLACE } from '../../output/name-rules.js';
import { placeError } from '../../output/output-errors.js';
import type { OutputTarget } from '../../output/output-target.js';
import { probePlace, usualRules } from '../../output/place-probe.js';
import { SingleTarget } from '../../output/single-target.js';
import { TarTarget } from '../../output/tar-target.js';
import { ZipTarget } from '../../output/zip-target.js';
import type { ArchiveFormat, Destination } from './destination.js';

export interface OpenTargetOptions {
  readonly overwrite: Overwrite | undefined;
  readonly platform: NodeJS.Platform;
  readonly umask: number;
  /** Standard output. */
  readonly stdout: Writable;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
}

export interface OpenedTarget {
  readonly target: OutputTarget;
  readonly place: PlaceRules;
  /** Takes away a folder that was made for nothing. */
  undo(): void;
}

/** @throws IbkError `destination` */
export async function openTarget(destination: Destination, options: OpenTargetOptions): Promise<OpenedTarget> {
  const { platform, umask, now, stdout, signal } = options;
  switch (destination.kind) {
    case 'folder': {
      const { path, state } = destination;
      await makePrivateFolder(path).catch((error: unknown) => {
        throw placeError(error, 'The folder');
      });
      const rules = { overwrite: options.overwrite ?? 'never', platform, umask } as const;
      const undo = () => {
        if (state !== 'new') return;
        try {
          rmdirSync(path);
        } catch {
          // Something is in it.
        }
      };
      return { target: new FolderTarget(path, state !== 'used', rules), place: probePlace(path, platform), undo };
    }
    case 'file':
      return {
        target: new SingleTarget('file', sinkAt(destination.path), umask),
        place: usualRules(platform),
        undo: () => {},
      };
    case 'archive':
      return archive(sinkAt(destination.path), destination.format, now);
    case 'stream': {
      const sink = streamSink(stdout, signal);
      if (destination.format !== undefined) return archive(sink, destination.format, now);
      return { target: new SingleTarget('stream', sink, umask), place: POSIX_PLACE, undo: () => {} };
    }
  }
}

/** A pipe or a device is written into; anything else is made anew and then gets the name. */
function sinkAt(path: string): ByteSink {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFIFO() || found?.isCharacterDevice() ? passedSink(path) : fileSink(path);
}

/** A zip is unpacked on any system; a tar keeps names as they are. */
function archive(sink: ByteSink, format: ArchiveFormat, nowMs: number): OpenedTarget {
  const seconds = nowMs / 1000;
  const undo = () => {};
  if (format === 'zip') return { target: new ZipTarget(bufferedSink(sink), seconds), place: STRICTEST_PLACE, undo };
  const bytes = bufferedSink(format === 'tar.gz' ? gzipSink(sink) : sink);
  return { target: new TarTarget(bytes, seconds), place: POSIX_PLACE, undo };
}

/** Rules for a rehearsal, in which nothing is written. */
export function likelyPlace(destination: Destination, platform: NodeJS.Platform): PlaceRules {
  if ('format' in destination && destination.format !== undefined)
    return destination.format === 'zip' ? STRICTEST_PLACE : POSIX_PLACE;
  return usualRules(platform);
}

/** @throws IbkError `destination`, reason `no_space` */
export async function requireSpace(destination: Destination, bytes: number): Promise<void> {
  if (destination.kind === 'stream' || (destination.kind === 'archive' && destination.format !== 'tar')) return;
  const free = await freeBytes(destination.path).catch(() => undefined);
  if (free === undefined || free >= bytes) return;
  const needs = formatBytes(bytes, 'up');
  throw new IbkError('destination', `Not enough space: it needs ${needs}, ${formatBytes(free, 'down')} are free.`, {
    reason: 'no_space',
    meaning: 'Nothing was written.',
    hint: `Free ${formatBytes(bytes - free, 'up')} there, choose another place with --to, or fewer files.`,
    details: { needed_bytes: bytes, free_bytes: free },
  });
}
