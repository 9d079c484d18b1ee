/** Carries out one request of the device and makes its one answer. */
import { assertNever, IbkError } from '../../errors.js';
import type { ByteReader } from '../../io/byte-reader.js';
import { type PlistValue, plistDict } from '../../plist/value.js';
import type { TraceConnection } from '../../trace/trace.js';
import { sendDownloads } from './downloads.js';
import type { DeviceLinkHost, ListedEntry } from './host.js';
import { lateFailure } from './late-failure.js';
import { malformed } from './malformed.js';
import { type DeviceRequest, fileError, statusResponse } from './messages.js';
import type { Outgoing } from './outgoing.js';
import { type Patience, PRICE } from './patience.js';
import type { ProgressMeter } from './progress.js';
import { type HostStatus, STATUS, statusOf } from './status.js';
import { type FailedUpload, receiveUploads } from './uploads.js';

/** Told in order, while the exchange runs. They must not throw. */
export interface LinkEvents {
  /** Before the request is carried out. */
  readonly onRequest: (request: DeviceRequest) => void;
  /** A file that the device could not send. */
  readonly onFailedUpload: (file: FailedUpload) => void;
  /** The host could not do what was asked; the device has been or will be told. */
  readonly onHostFailure: (path: string, error: unknown) => void;
  /** What this computer can still take, as it was reported. */
  readonly onFreeSpace: (bytes: number) => void;
}

export interface ServeContext {
  readonly reader: ByteReader;
  readonly outgoing: Outgoing;
  readonly host: DeviceLinkHost;
  readonly signal: AbortSignal;
  /** The part of `signal` that is about us: what has arrived is not read any further. */
  readonly stopped: AbortSignal;
  readonly progress: ProgressMeter;
  readonly patience: Patience;
  readonly log: TraceConnection | undefined;
  readonly events: LinkEvents;
  readonly pauseStall: () => () => void;
}

type Served = Exclude<DeviceRequest, { kind: 'processMessage' } | { kind: 'disconnect' }>;

/**
 * @returns the status to send; undefined where none is expected
 * @throws IbkError `unsafe`, `device_error`, `connection_lost`, or the signal's reason
 */
export async function serve(request: Served, context: ServeContext): Promise<PlistValue | undefined> {
  context.patience.spend(priceOf(request));
  if (request.kind === 'uploadFiles') return upload(request, context);
  // Has no answer that could tell of a failure.
  if (request.kind === 'ping') return undefined;
  const late = await lateFailure(context);
  if (late === undefined) return serveOther(request, context);
  const answer = failed(context, '', late);
  // A device that waits for a stream must get one. With its files in it, a failure after it would make no sense.
  if (request.kind === 'downloadFiles') await sendDownloads(context, []);
  return answer;
}

async function serveOther(
  request: Exclude<Served, { kind: 'uploadFiles' | 'ping' }>,
  context: ServeContext,
): Promise<PlistValue> {
  const { host, progress } = context;
  switch (request.kind) {
    case 'downloadFiles':
      return download(request, context);
    case 'freeDiskSpace':
      return onHost(context, '', async () => {
        const bytes = await host.freeSpace();
        context.events.onFreeSpace(bytes);
        return statusResponse(STATUS.ok, undefined, bytes);
      });
    case 'purgeDiskSpace':
      // We own nothing that could be purged. Apple's own host and idevicebackup2 say -1 too; the device then ends with 105.
      return statusResponse(STATUS.generic, 'Operation not supported');
    case 'listDirectory':
      return onHost(context, request.path, async () =>
        statusResponse(STATUS.ok, undefined, listing(await host.list(request.path))),
      );
    case 'createDirectory':
      progress.begin(request.percent);
      return done(context, await onHost(context, request.path, async () => host.makeDirectory(request.path)));
    case 'moveItems':
      progress.begin(request.percent);
      return done(
        context,
        await onEach(
          context,
          request.renames,
          (pair) => pair.to,
          ({ from, to }) => host.move(from, to),
        ),
      );
    case 'removeItems':
      progress.begin(request.percent);
      return done(
        context,
        await onEach(
          context,
          request.paths,
          (path) => path,
          (path) => host.remove(path),
        ),
      );
    case 'copyItem':
      progress.begin(request.percent);
      return done(context, await onHost(context, request.to, async () => host.copy(request.from, request.to)));
    case 'unknown':
      return statusResponse(STATUS.generic, 'Operation not supported');
    case 'versionExchange':
    case 'deviceReady':
      throw malformed('a message of the handshake in the middle of the work');
    default:
      return assertNever(request);
  }
}

function priceOf(request: Served): number {
  switch (request.kind) {
    case 'uploadFiles':
      return PRICE.name;
    case 'moveItems':
      return PRICE.name * (1 + request.renames.length);
    case 'removeItems':
      return PRICE.name * (1 + request.paths.length);
    case 'createDirectory':
      return PRICE.place;
    case 'copyItem':
      return PRICE.copy;
    case 'downloadFiles':
      return PRICE.question + PRICE.place * request.paths.length;
    default:
      return PRICE.question;
  }
}

async function upload(request: Served & { kind: 'uploadFiles' }, context: ServeContext): Promise<PlistValue> {
  const { progress, events } = context;
  progress.begin(request.percent, request.totalBytes);
  const failure = await receiveUploads({
    ...context,
    onFailed: events.onFailedUpload,
    onHostFailure: (path, error) => {
      if (error instanceof IbkError) throw error;
      events.onHostFailure(path, error);
    },
  });
  progress.end();
  return failure === undefined ? statusResponse(STATUS.ok) : answerFor(statusOf(failure));
}

async function download(request: Served & { kind: 'downloadFiles' }, context: ServeContext): Promise<PlistValue> {
  context.progress.begin(request.percent);
  const failed = await sendDownloads(context, request.paths);
  context.progress.end();
  if (failed.size === 0) return statusResponse(STATUS.ok);
  const errors = plistDict();
  for (const [path, { code, text }] of failed) errors[path] = fileError(code, text);
  return statusResponse(STATUS.multiStatus, 'Multi status', errors);
}

/** Does each in turn and stops at the first that fails, as idevicebackup2 does: what follows may build on it. */
async function onEach<T>(
  context: ServeContext,
  items: readonly T[],
  pathOf: (item: T) => string,
  act: (item: T) => Promise<void> | void,
): Promise<PlistValue> {
  const resume = context.pauseStall();
  try {
    for (const item of items) {
      try {
        const acting = act(item);
        if (acting instanceof Promise) await acting;
      } catch (error) {
        return failed(context, pathOf(item), error);
      }
    }
    return statusResponse(STATUS.ok);
  } finally {
    resume();
  }
}

// biome-ignore lint/suspicious/noConfusingVoidType: most acts have nothing to say but "done"
async function onHost(context: ServeContext, path: string, act: () => Promise<PlistValue | void>): Promise<PlistValue> {
  const resume = context.pauseStall();
  try {
    return (await act()) ?? statusResponse(STATUS.ok);
  } catch (error) {
    return failed(context, path, error);
  } finally {
    resume();
  }
}

function failed(context: ServeContext, path: string, error: unknown): PlistValue {
  if (error instanceof IbkError) throw error;
  context.events.onHostFailure(path, error);
  return answerFor(statusOf(error));
}

function done(context: ServeContext, answer: PlistValue): PlistValue {
  context.progress.end();
  return answer;
}

function answerFor(status: HostStatus): PlistValue {
  return statusResponse(status.code, status.text);
}

const TYPE_NAMES = {
  file: 'DLFileTypeRegular',
  directory: 'DLFileTypeDirectory',
  other: 'DLFileTypeUnknown',
} as const;

function listing(entries: readonly ListedEntry[]): PlistValue {
  const payload = plistDict();
  for (const { name, type, sizeBytes, modified } of entries) {
    const facts = plistDict();
    facts['DLFileType'] = TYPE_NAMES[type];
    facts['DLFileSize'] = sizeBytes;
    facts['DLFileModificationDate'] = modified;
    payload[name] = facts;
  }
  return payload;
}
