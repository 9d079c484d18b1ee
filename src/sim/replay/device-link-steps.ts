/** What the phone does on one connection of its backup service, in order. */
import { isPlistDict, type PlistValue } from '../../plist/value.js';
import { valueOfShape } from './shape-value.js';
import type { TracedFileRecord, TraceRecord } from './trace-file.js';

export type DeviceLinkStep =
  | { readonly kind: 'send'; readonly message: readonly PlistValue[] }
  /** `answered`: false when the link was lost before the computer's status. */
  | {
      readonly kind: 'upload';
      readonly message: readonly PlistValue[];
      readonly files: readonly TracedFileRecord[];
      readonly answered: boolean;
    }
  | { readonly kind: 'download'; readonly message: readonly PlistValue[]; readonly answered: boolean }
  /** The computer's next message. */
  | { readonly kind: 'expect'; readonly name: string; readonly message: readonly PlistValue[] }
  /** A notification that came through notification_proxy meanwhile. */
  | { readonly kind: 'notify'; readonly name: string }
  | { readonly kind: 'unplug' };

/** @param all every record of the trace, since notifications and cables belong to other connections */
export function deviceLinkSteps(all: readonly TraceRecord[], connection: number): DeviceLinkStep[] {
  const first = all.findIndex((record) => record.connection === connection);
  const steps: DeviceLinkStep[] = [];
  let upload:
    | { kind: 'upload'; message: readonly PlistValue[]; files: TracedFileRecord[]; answered: boolean }
    | undefined;
  let download: { kind: 'download'; message: readonly PlistValue[]; answered: boolean } | undefined;
  for (const record of all.slice(first)) {
    if (record.layer === 'notification_proxy' && record.event === 'message' && !record.sent) {
      const name = notificationName(record.shape);
      if (name !== undefined) steps.push({ kind: 'notify', name });
    }
    if (record.connection !== connection) continue;
    if (record.event === 'close') break;
    if (record.event === 'file' && !record.sent) upload?.files.push(record.file);
    if (record.event !== 'message') continue;
    const message = messageOf(record.name, record.shape);
    if (record.sent) {
      // Said into a link that was lost: nothing to wait for.
      if (record.name === 'DLMessageDisconnect' && !isFinalAnswer(lastMessage(steps))) continue;
      if (upload !== undefined) upload.answered = true;
      if (download !== undefined) download.answered = true;
      upload = undefined;
      download = undefined;
      steps.push({ kind: 'expect', name: record.name, message });
    } else if (record.name === 'DLMessageUploadFiles') {
      upload = { kind: 'upload', message, files: [], answered: false };
      steps.push(upload);
    } else if (record.name === 'DLMessageDownloadFiles') {
      download = { kind: 'download', message, answered: false };
      steps.push(download);
    } else steps.push({ kind: 'send', message });
  }
  const ended = steps.at(-1)?.kind === 'expect' || isFinalAnswer(lastMessage(steps));
  if (!ended && wasDetached(all)) steps.push({ kind: 'unplug' });
  return steps;
}

/** What was said last, by either side. */
function lastMessage(steps: readonly DeviceLinkStep[]): readonly PlistValue[] {
  const last = steps.findLast((step) => 'message' in step);
  return last !== undefined && 'message' in last ? last.message : [];
}

function isFinalAnswer(message: readonly PlistValue[]): boolean {
  const [name, body] = message;
  return name === 'DLMessageProcessMessage' && isPlistDict(body) && body.MessageName === 'Response';
}

function wasDetached(all: readonly TraceRecord[]): boolean {
  return all.some(
    ({ layer, ...record }) => layer === 'usbmux' && record.event === 'message' && record.name === 'Detached',
  );
}

/** The name is told apart from the shape, which may have hashed it. */
function messageOf(name: string, shape: Parameters<typeof valueOfShape>[0]): PlistValue[] {
  const value = valueOfShape(shape);
  if (!Array.isArray(value)) throw new Error(`${name} is no array`);
  return [name, ...value.slice(1)];
}

function notificationName(shape: unknown): string | undefined {
  if (typeof shape !== 'object' || shape === null || !('Name' in shape)) return undefined;
  return typeof shape.Name === 'string' ? shape.Name : undefined;
}
