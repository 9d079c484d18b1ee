/** What every conversation with a device is handed: how long it may wait, who may stop it, who wants to know. */
import type { EventSink } from '../events.js';
import type { Clock } from '../io/clock.js';
import type { Trace } from '../trace/trace.js';

/** Milliseconds each. Nothing waits for ever. */
export interface Timeouts {
  /** Making a connection, TLS included (`--timeout`). */
  readonly connectMs: number;
  /** One answer outside the transfer (`--timeout`). */
  readonly answerMs: number;
  /** Silence of the device during the transfer (`--stall-timeout`). */
  readonly stallMs: number;
  /** A person at the device: Trust or the passcode (`--passcode-timeout`). */
  readonly passcodeMs: number;
  /** Until a device appears (`--wait`); 0: it must be there. */
  readonly waitMs: number;
}

export const DEFAULT_TIMEOUTS: Timeouts = {
  connectMs: 60_000,
  answerMs: 60_000,
  stallMs: 15 * 60_000,
  passcodeMs: 5 * 60_000,
  waitMs: 0,
};

export interface ProtocolContext {
  /** Aborts everything; its reason is an IbkError (`interrupted`, `terminated`). */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  readonly onEvent: EventSink;
  readonly trace?: Trace | undefined;
}
