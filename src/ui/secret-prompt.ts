/** A question whose answer nobody sees. The terminal is as it was when this ends, whatever ends it. */
import { Secret } from '../io/secret.js';
import type { Asking } from './prompt.js';
import type { InputStream } from './terminal.js';

const LONGEST_BYTES = 4096;
const KEYS = {
  ctrlC: 0x03,
  ctrlD: 0x04,
  backspace: 0x08,
  newline: 0x0a,
  enter: 0x0d,
  ctrlU: 0x15,
  ctrlZ: 0x1a,
  ctrlBackslash: 0x1c,
  escape: 0x1b,
  delete: 0x7f,
} as const;

/**
 * Only where `canAsk` says so.
 * @returns undefined: the line was left empty, or input ended
 * @throws the signal's reason when the run is stopped
 */
export async function askSecret(question: string, { terminal, signal }: Asking): Promise<Secret | undefined> {
  signal.throwIfAborted();
  const { stdin, err } = terminal;
  // A pipe that has ended says so only once.
  if (!stdin.readable) return undefined;
  using _silence = silence(stdin);
  err.write(`${question} `);
  try {
    return await new Promise<Secret | undefined>((resolve, reject) => {
      const line = new HiddenLine();
      const settle = (act: () => void) => {
        stdin.off('data', onData).off('end', onEnd);
        signal.removeEventListener('abort', onAbort);
        act();
      };
      const onData = (chunk: Buffer | string) => {
        const rest = line.add(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
        if (rest === undefined) return;
        settle(() => resolve(line.take()));
        // Typed ahead, or pasted: it answers the next question.
        stdin.pause();
        if (rest.length > 0) stdin.unshift(rest);
      };
      const onEnd = () => settle(() => resolve(line.take()));
      const onAbort = () =>
        settle(() => {
          line.take()?.wipe();
          reject(signal.reason);
        });
      stdin.on('data', onData).once('end', onEnd);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  } finally {
    err.write('\n');
  }
}

/** No echo while this is held. Keys that mean a signal are sent as one; after a stop and a continue there is no echo again. */
function silence(stdin: InputStream): Disposable {
  const quiet = () => void stdin.setRawMode?.(true);
  const aloud = () => void stdin.setRawMode?.(false);
  const onStop = () => {
    aloud();
    process.kill(process.pid, 'SIGSTOP');
  };
  const onQuit = () => {
    aloud();
    process.off('SIGQUIT', onQuit);
    process.kill(process.pid, 'SIGQUIT');
  };
  const hasSignals = process.platform !== 'win32';
  quiet();
  stdin.resume();
  if (hasSignals) process.on('SIGTSTP', onStop).on('SIGCONT', quiet).on('SIGQUIT', onQuit);
  return {
    [Symbol.dispose]: () => {
      if (hasSignals) process.off('SIGTSTP', onStop).off('SIGCONT', quiet).off('SIGQUIT', onQuit);
      stdin.pause();
      aloud();
    },
  };
}

/** The line as it is typed: bytes, so that they can be overwritten. */
class HiddenLine {
  readonly #bytes = Buffer.alloc(LONGEST_BYTES);
  #length = 0;

  /** @returns what follows the end of the line; undefined while it has not come */
  add(chunk: Buffer): Buffer | undefined {
    // An arrow or another key that is no letter.
    if (chunk[0] === KEYS.escape) return undefined;
    for (const [index, byte] of chunk.entries()) {
      if (byte === KEYS.newline || byte === KEYS.enter) {
        const isPair = byte === KEYS.enter && chunk[index + 1] === KEYS.newline;
        return chunk.subarray(index + (isPair ? 2 : 1));
      }
      if (byte === KEYS.ctrlD && this.#length === 0) return chunk.subarray(index + 1);
      this.#type(byte);
    }
    return undefined;
  }

  /** The line so far; undefined for an empty one. Ours is overwritten. */
  take(): Secret | undefined {
    const secret = this.#length === 0 ? undefined : new Secret(Buffer.from(this.#bytes.subarray(0, this.#length)));
    this.#bytes.fill(0);
    this.#length = 0;
    return secret;
  }

  #type(byte: number): void {
    if (byte === KEYS.ctrlC) process.kill(process.pid, 'SIGINT');
    else if (byte === KEYS.ctrlZ && process.platform !== 'win32') process.kill(process.pid, 'SIGTSTP');
    else if (byte === KEYS.ctrlBackslash && process.platform !== 'win32') process.kill(process.pid, 'SIGQUIT');
    else if (byte === KEYS.ctrlU) this.#length = 0;
    else if (byte === KEYS.backspace || byte === KEYS.delete) this.#eraseLetter();
    else if (byte >= 0x20 && this.#length < LONGEST_BYTES) this.#bytes[this.#length++] = byte;
  }

  /** A letter is one byte or, in UTF-8, one that begins it and up to three that continue it. */
  #eraseLetter(): void {
    while (this.#length > 0) {
      this.#length -= 1;
      if (((this.#bytes[this.#length] ?? 0) & 0xc0) !== 0x80) return;
    }
  }
}
