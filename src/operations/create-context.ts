import { platform as thisPlatform } from 'node:os';
import { type EventSink, nullSink } from '../events.js';
import { type Clock, systemClock } from '../io/clock.js';
import { defaultMuxAddress, parseMuxAddress } from '../protocol/usbmux/address.js';
import { UsbmuxClient } from '../protocol/usbmux/client.js';
import type { Trace } from '../trace/trace.js';
import { DEFAULT_TIMEOUTS, type OperationContext, type Timeouts } from './context.js';

export interface ContextOptions {
  /** As `--usbmuxd`: `UNIX:/path`, `host:port` … Default: the platform's own. */
  readonly usbmuxd?: string | undefined;
  /** Stops everything cleanly; its reason should be an IbkError. Default: nothing stops it. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: EventSink | undefined;
  /** Milliseconds; what is not given has the command line's default. */
  readonly timeouts?: Partial<Timeouts> | undefined;
  readonly clock?: Clock | undefined;
  readonly trace?: Trace | undefined;
  readonly platform?: NodeJS.Platform | undefined;
}

/**
 * What the operations need. Opens nothing yet.
 * @throws IbkError `usage` for an address that cannot be understood
 */
export function createContext(options: ContextOptions = {}): OperationContext {
  const { usbmuxd, onEvent = nullSink, clock = systemClock, trace, platform = thisPlatform() } = options;
  const signal = options.signal ?? new AbortController().signal;
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const address = usbmuxd === undefined ? defaultMuxAddress(platform) : parseMuxAddress(usbmuxd, platform);
  const muxer = new UsbmuxClient({ address, platform, clock, timeouts, trace });
  return { muxer, signal, clock, timeouts, onEvent, trace };
}
