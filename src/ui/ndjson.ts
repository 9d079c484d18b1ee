/** Events as JSON lines: one object a line, snake_case, every field always there. The schemas describe these. */
import type { IbkError } from '../errors.js';
import type { BackupSummary, OperationEvent, RestoreSummary, SeveralSummary } from '../events.js';
import { formatUtc } from '../figures.js';
import { shortVersion } from './versions.js';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Whole bytes a second and whole percent tenths: more digits would claim what nobody measured. */
const tenths = (value: number | null): number | null => (value === null ? null : Math.round(value * 10) / 10);
const whole = (value: number | null): number | null => (value === null ? null : Math.round(value));

export function eventToJson(event: OperationEvent, now: Date): Json {
  const udid = event.type === 'several' ? null : event.udid;
  const type = event.type === 'several' || event.type === 'restored' ? 'summary' : event.type;
  const head = { v: 1, type, time: formatUtc(now), udid };
  return { ...head, ...bodyOf(event) };
}

function bodyOf(event: OperationEvent): { [key: string]: Json } {
  switch (event.type) {
    case 'start': {
      const { name, model, productType, ios } = event.device;
      const device = { name, model, product_type: productType, ios };
      return { command: event.command, kind: event.kind, encrypted: event.encrypted, link: event.link, device };
    }
    case 'phase':
      return { phase: event.phase };
    case 'prompt':
      return { prompt: event.prompt, state: event.state, timeout_seconds: event.timeoutSeconds };
    case 'progress':
      return {
        phase: event.phase,
        percent: tenths(event.percent),
        files_done: event.filesDone,
        bytes_done: event.bytesDone,
        bytes_total: event.bytesTotal,
        bytes_per_second: whole(event.bytesPerSecond),
        eta_seconds: whole(event.etaSeconds),
        domain: event.domain,
      };
    case 'file_error':
      return { path: event.path, message: event.message, device_error_code: event.deviceErrorCode };
    case 'warning':
      return { reason: event.reason, message: event.message, hint: event.hint };
    case 'summary':
      return summaryBody(event);
    case 'restored':
      return restoredBody(event);
    case 'error':
      return errorBody(event.error);
    case 'several':
      return severalBody(event);
  }
}

function summaryBody(summary: BackupSummary): { [key: string]: Json } {
  return {
    code: summary.code,
    exit: summary.exit,
    version: shortVersion(summary.version),
    previous: summary.previous === null ? null : shortVersion(summary.previous.version),
    kind: summary.kind,
    encrypted: summary.encrypted,
    files_total: summary.filesTotal,
    bytes_total: summary.bytesTotal,
    files_added: summary.filesAdded,
    files_changed: summary.filesChanged,
    files_removed: summary.filesRemoved,
    files_received: summary.filesReceived,
    bytes_received: summary.bytesReceived,
    files_failed: summary.filesFailed,
    check: summary.check,
    history_bytes: summary.historyBytes,
    versions_forgotten: summary.forgotten?.versions.map(shortVersion) ?? [],
    freed_bytes: summary.forgotten?.freedBytes ?? 0,
    duration_seconds: tenths(summary.durationSeconds),
    path: summary.path,
  };
}

function restoredBody(summary: RestoreSummary): { [key: string]: Json } {
  return {
    code: summary.code,
    exit: summary.exit,
    version: summary.version === null ? null : shortVersion(summary.version),
    files_sent: summary.filesSent,
    bytes_sent: summary.bytesSent,
    duration_seconds: tenths(summary.durationSeconds),
    restarts: summary.restarts,
  };
}

function severalBody({ code, exit, devices }: SeveralSummary): { [key: string]: Json } {
  return {
    code,
    exit,
    devices: devices.map((device) => ({ udid: device.udid, code: device.code, exit: device.exit })),
  };
}

export function errorBody(error: IbkError): { [key: string]: Json } {
  return {
    code: error.code,
    exit: error.exit,
    reason: error.reason ?? null,
    phase: error.phase ?? null,
    message: error.message,
    meaning: error.meaning ?? null,
    hint: error.hint,
    device_error_code: error.deviceErrorCode ?? null,
    retryable: error.retryable,
  };
}

/**
 * One document or line, ending in a line feed. What a terminal would obey, or break the line at, is escaped within the strings, where it stays the same
 * text to every reader of JSON; JSON itself asks for that below U+0020 only.
 */
export function jsonLine(value: Json): string {
  return `${JSON.stringify(value).replace(UNSAFE, escaped)}\n`;
}

const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
