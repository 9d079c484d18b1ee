/** Backs up a simulated phone with the real stack, in process. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BackupSummary, OperationEvent } from '../../src/events.js';
import { systemClock } from '../../src/io/clock.js';
import { backupDevice } from '../../src/operations/backup.js';
import { DEFAULT_TIMEOUTS, type OperationContext, type Timeouts } from '../../src/operations/context.js';
import { selectDevices } from '../../src/operations/select-device.js';
import { parseMuxAddress } from '../../src/protocol/usbmux/address.js';
import { UsbmuxClient } from '../../src/protocol/usbmux/client.js';
import type { Clock } from '../../src/io/clock.js';
import type { Trace } from '../../src/trace/trace.js';

export interface TryOptions {
  readonly listen: string;
  readonly root: string;
  readonly full?: boolean;
  readonly udid?: string;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly timeouts?: Partial<Timeouts>;
  readonly trace?: Trace;
  readonly onEvent?: (event: OperationEvent) => void;
}

export interface Tried {
  readonly events: OperationEvent[];
  readonly summary: BackupSummary;
}

export function contextFor(options: TryOptions, events: OperationEvent[]): OperationContext {
  const clock = options.clock ?? systemClock;
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const address = parseMuxAddress(options.listen, 'linux');
  return {
    muxer: new UsbmuxClient({ address, platform: 'linux', clock, timeouts, trace: options.trace }),
    signal: options.signal ?? new AbortController().signal,
    clock,
    timeouts,
    trace: options.trace,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  };
}

/** @throws what `backupDevice` throws; the events are then found in `events` */
export async function tryBackup(options: TryOptions, events: OperationEvent[] = []): Promise<Tried> {
  const ctx = contextFor(options, events);
  const [device] = await selectDevices(ctx, { udids: options.udid ? [options.udid] : [], link: 'any' });
  if (device === undefined) throw new Error('no device');
  const summary = await backupDevice(ctx, device, { root: options.root, full: options.full ?? false });
  return { events, summary };
}

/** A folder that goes away with the test. */
export async function temporaryRoot(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'ibk-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
