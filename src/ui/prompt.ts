/** Questions to the person at the terminal. Never under `--no-input`, `--json` or without a terminal. */
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { IbkError } from '../errors.js';
import type { Terminal } from './terminal.js';

export interface Asking {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly noInput: boolean;
  readonly signal: AbortSignal;
}

/** Is there somebody who sees a question and can answer it? */
export function canAsk({ terminal, json, noInput }: Omit<Asking, 'signal'>): boolean {
  return !json && !noInput && terminal.stdin.isTTY === true && terminal.err.isTerminal;
}

/**
 * A yes-or-no question; Enter is no.
 * @param answeredBy the flag that answers it in a script
 * @throws IbkError `usage` where nobody can be asked; the signal's reason when the run is stopped
 */
export async function confirm(question: string, answeredBy: string, asking: Asking): Promise<boolean> {
  if (!canAsk(asking)) {
    throw new IbkError('usage', `This needs an answer and nobody can be asked: ${question}`, {
      hint: `To answer yes: ${answeredBy}`,
      reason: 'needs_answer',
    });
  }
  const answer = await askLine(`${question} [y/N] `, asking);
  return /^y(es)?$/i.test(answer.trim());
}

/** The terminal itself echoes and edits the line; we only wait for it. End of input is an empty answer. */
export async function askLine(prompt: string, { terminal, signal }: Asking): Promise<string> {
  signal.throwIfAborted();
  terminal.err.write(prompt);
  const lines = createInterface({ input: terminal.stdin, output: new PassThrough().resume(), terminal: false });
  try {
    return await new Promise<string>((resolve, reject) => {
      const stop = () => reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      lines.once('line', resolve);
      lines.once('close', () => {
        signal.removeEventListener('abort', stop);
        resolve('');
      });
    });
  } finally {
    lines.close();
  }
}
