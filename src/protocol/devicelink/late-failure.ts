/**
 * A batch is answered when its bytes are here, while the host still writes the last of them: the device prepares the next ones meanwhile. All is waited for
 * before anything else is asked of the host, and before the last word of the device counts; what has failed until then is told there.
 */
import type { DeviceLinkHost } from './host.js';

export interface HostWork {
  readonly host: DeviceLinkHost;
  /** Silence does not count until the returned function is called: it is the host that is waited for. */
  readonly pauseStall: () => () => void;
}

/** All that was committed is in its place. @returns what the host could not do after all */
export async function lateFailure({ host, pauseStall }: HostWork): Promise<unknown> {
  const waiting = host.settle?.();
  if (!(waiting instanceof Promise)) return undefined;
  const resume = pauseStall();
  return waiting
    .then(
      () => undefined,
      (error: unknown) => error,
    )
    .finally(resume);
}
