/** A stream whose writes arrive in other pieces than they were made in, for the scenarios `one-byte-chunks` and `coalesced`. */
import { Duplex } from 'node:stream';
import type { ScenarioSet } from '../scenario.js';

/** So much goes byte by byte; the rest in odd pieces, or a backup would take hours. */
const SINGLE_BYTES = 4096;
const ODD_PIECE = 1021;
const JOINED_BYTES = 64 * 1024;

/** The stream itself when no scenario asks for another shape. */
export function shapedStream(stream: Duplex, scenarios: ScenarioSet): Duplex {
  if (scenarios.has('one-byte-chunks')) return new ShapedStream(stream, cutFinely);
  if (scenarios.has('coalesced')) return new ShapedStream(stream, joinWrites());
  return stream;
}

type Shape = (bytes: Buffer, sentBefore: number, out: Duplex) => Promise<void> | void;

class ShapedStream extends Duplex {
  #sent = 0;

  constructor(
    private readonly inner: Duplex,
    private readonly shape: Shape,
  ) {
    super({ allowHalfOpen: true });
    inner.on('data', (bytes: Buffer) => {
      if (!this.push(bytes)) inner.pause();
    });
    inner.on('end', () => this.push(null));
    inner.on('error', (error) => this.destroy(error));
    inner.on('close', () => this.destroy());
    this.on('error', () => {});
  }

  override _read(): void {
    this.inner.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const before = this.#sent;
    this.#sent += bytes.length;
    Promise.resolve(this.shape(bytes, before, this.inner)).then(
      () => done(),
      (error) => done(error),
    );
  }

  override _final(done: () => void): void {
    // After what is still waiting to be joined.
    setImmediate(() => this.inner.end(done));
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.inner.destroy();
    done(error);
  }
}

async function cutFinely(bytes: Buffer, sentBefore: number, out: Duplex): Promise<void> {
  for (let at = 0; at < bytes.length && !out.destroyed; ) {
    const size = sentBefore + at < SINGLE_BYTES ? 1 : ODD_PIECE;
    // Waiting for the write, and for a turn of the event loop, lets the other side read before the next piece.
    await new Promise<void>((resolve) => out.write(bytes.subarray(at, at + size), () => setImmediate(resolve)));
    at += size;
  }
}

function joinWrites(): Shape {
  let waiting: Buffer[] = [];
  let length = 0;
  const flush = (out: Duplex) =>
    new Promise<void>((resolve) => {
      const joined = Buffer.concat(waiting);
      waiting = [];
      length = 0;
      if (joined.length === 0 || out.destroyed) resolve();
      else out.write(joined, () => resolve());
    });
  return (bytes, _sentBefore, out) => {
    if (length === 0) setImmediate(() => void flush(out));
    waiting.push(bytes);
    length += bytes.length;
    return length >= JOINED_BYTES ? flush(out) : undefined;
  };
}
