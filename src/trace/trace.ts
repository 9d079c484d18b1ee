/**
 * The flight recorder's interface. Protocol modules are handed an optional `Trace` and tell it what goes over the wire; what is kept of
 * it, and how it is redacted, is decided in `redaction.ts` alone. A module that traces:
 *
 *   const log = trace?.open('lockdown', 'com.apple.mobile.lockdown');
 *   log?.message('sent', 'GetValue', dictionary, bytes.length);
 *   log?.close('done');
 *
 * Names given here (`name`, `service`) must be protocol constants, never something that a device or a person chose.
 */
import type { PlistValue } from '../plist/value.js';

export type TraceLayer =
  | 'usbmux'
  | 'lockdown'
  | 'notification_proxy'
  | 'afc'
  | 'installation_proxy'
  | 'springboard'
  | 'diagnostics'
  | 'devicelink';

/** Seen from the computer that runs ibk. */
export type TraceDirection = 'sent' | 'received';

/** One file of a DeviceLink stream, when it is complete or has failed. */
export interface TracedFile {
  /** The path on the phone, where the message carries one. */
  readonly devicePath?: string;
  /** The path in the backup folder. */
  readonly hostPath: string;
  readonly bytes: number;
  readonly blocks: number;
  /** The block code that ended it: 0 success, others as the protocol has them. */
  readonly code: number;
  /** Hashed. */
  readonly error?: string;
}

export interface TraceConnection {
  /** A message; `value` is redacted to its shape. `bytes` is its size on the wire without the length prefix. */
  message(direction: TraceDirection, name: string, value: PlistValue, bytes: number): void;
  /** A message that is no property list (AFC): only its name, numbers and size are kept. */
  packet(direction: TraceDirection, name: string, numbers: Readonly<Record<string, number>>, bytes: number): void;
  file(direction: TraceDirection, file: TracedFile): void;
  /** Something about the connection itself, in words of ours (`tls`, `detached`), with numbers and constants. */
  note(name: string, facts?: Readonly<Record<string, string | number | boolean>>): void;
  /** The connection is gone; `why` is `done` or an error code of ours. */
  close(why: string): void;
}

export interface Trace {
  open(layer: TraceLayer, service: string): TraceConnection;
}

/** The name that a message of the other side gives itself, if it can be one of the protocol's: the other side chooses these words. */
export function constantName(name: unknown): string | undefined {
  return typeof name === 'string' && /^\w{1,40}$/.test(name) ? name : undefined;
}
