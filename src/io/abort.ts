/** Cancelling and bounding a wait: one place that turns an aborted signal into an error and a deadline into an abort. */
import { IbkError } from '../errors.js';
import type { Clock } from './clock.js';

/** The signal's reason as an IbkError; any other reason becomes `interrupted`. */
export function abortError(signal: AbortSignal): IbkError {
  const reason: unknown = signal.reason;
  if (reason instanceof IbkError) return reason;
  return new IbkError('interrupted', 'Stopped.', { cause: reason });
}

/** @throws IbkError the signal's reason */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

export interface Deadline {
  readonly clock: Clock;
  /** Infinity: no limit but the signal. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Made when the time is over; becomes the abort reason. */
  readonly onTimeout: () => IbkError;
}

/** Nobody sees it. Without a reason each of many thousand waits would make an error of its own, with its stack. */
const SETTLED = 'settled';

/**
 * Runs `work` with a signal that aborts when `deadline.signal` does or when the time is over. `work` must honour the signal; nothing
 * is left behind (timer, listeners) when it settles.
 */
export async function within<T>(deadline: Deadline, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, timeoutMs, signal: outer, onTimeout } = deadline;
  throwIfAborted(outer);
  const bounded = new AbortController();
  const settled = new AbortController();
  const stop = () => bounded.abort(outer?.reason);
  outer?.addEventListener('abort', stop, { once: true });
  if (timeoutMs !== Number.POSITIVE_INFINITY)
    clock.sleep(timeoutMs, settled.signal).then(
      () => bounded.abort(onTimeout()),
      () => undefined, // settled in time
    );
  try {
    return await work(bounded.signal);
  } finally {
    outer?.removeEventListener('abort', stop);
    settled.abort(SETTLED);
  }
}

/** The promise's outcome, or the signal's reason if that comes first. What the promise does later is ignored. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(abortError(signal));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
