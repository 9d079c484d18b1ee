/** `ibk list latest | head`: the reader has what it wanted and is gone. */
import { IbkError } from '../errors.js';

const REASON = 'closed_output';

export function closedOutput(): IbkError {
  return new IbkError('interrupted', 'Stopped by its closed output.', { reason: REASON });
}

/** For an answer that may end anywhere: that nobody reads on is no failure. */
export async function untilClosed(signal: AbortSignal, answer: () => Promise<number>): Promise<number> {
  try {
    return await answer();
  } catch (error) {
    const reason: unknown = signal.reason;
    if (signal.aborted && reason instanceof IbkError && reason.reason === REASON) return 0;
    throw error;
  }
}
