/**
 * Writes a trace as NDJSON into a file that only its owner can read. First line: {"v":1,"type":"trace",…}; then one record a line:
 * {"time_ms","connection","layer","direction","event",…}, with `event` one of open, message, packet, file, note, close.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { IbkError } from '../errors.js';
import type { Clock } from '../io/clock.js';
import type { PlistValue } from '../plist/value.js';
import { VERSION } from '../version.js';
import { Redactor } from './redaction.js';
import type { Trace, TraceConnection, TraceDirection, TracedFile, TraceLayer } from './trace.js';

export interface TraceFile extends Trace {
  /** Why recording stopped before the end; undefined while nothing has failed. */
  readonly failure: Error | undefined;
  /** Writes what is left and closes the file. */
  close(): Promise<void>;
}

/**
 * Opens (empties) `path` with mode 0600. Should the file fail later, recording stops and the job goes on.
 * @throws IbkError `destination` when the file cannot be made
 */
export async function openTraceFile(path: string, clock: Clock): Promise<TraceFile> {
  try {
    const file = await open(path, 'w', 0o600);
    await file.chmod(0o600).catch(() => undefined); // an older file keeps its mode otherwise; some disks have no modes
    return new Recorder(createWriteStream(path, { fd: file, autoClose: true }), clock);
  } catch (cause) {
    throw new IbkError('destination', `The trace cannot be written to ${path}.`, {
      hint: 'Choose another file: --trace FILE',
      cause,
    });
  }
}

class Recorder implements TraceFile {
  readonly #out: WriteStream;
  readonly #clock: Clock;
  readonly #start: number;
  readonly redactor = new Redactor(randomBytes(32));
  #connections = 0;
  failure: Error | undefined;

  constructor(out: WriteStream, clock: Clock) {
    this.#out = out;
    this.#clock = clock;
    this.#start = clock.monotonic();
    out.on('error', (error) => {
      this.failure ??= error;
    });
    this.write({ v: 1, type: 'trace', ibk: VERSION });
  }

  open(layer: TraceLayer, service: string): TraceConnection {
    return new RecordedConnection(this, ++this.#connections, layer, service);
  }

  elapsedMs(): number {
    return Math.round(this.#clock.monotonic() - this.#start);
  }

  write(record: object): void {
    if (this.failure === undefined) this.#out.write(`${JSON.stringify(record)}\n`);
  }

  async close(): Promise<void> {
    if (this.failure !== undefined || this.#out.closed) return;
    const closed = once(this.#out, 'close').catch(() => undefined);
    this.#out.end();
    await closed;
  }
}

class RecordedConnection implements TraceConnection {
  constructor(
    readonly recorder: Recorder,
    readonly id: number,
    readonly layer: TraceLayer,
    service: string,
  ) {
    this.#record('open', { name: service });
  }

  message(direction: TraceDirection, name: string, value: PlistValue, bytes: number): void {
    const schemaKeys = this.layer === 'usbmux' || this.layer === 'lockdown';
    this.#record('message', { direction, name, bytes, shape: this.recorder.redactor.shape(value, { schemaKeys }) });
  }

  packet(direction: TraceDirection, name: string, numbers: Readonly<Record<string, number>>, bytes: number): void {
    this.#record('packet', { direction, name, bytes, numbers });
  }

  file(direction: TraceDirection, file: TracedFile): void {
    const { redactor } = this.recorder;
    this.#record('file', {
      direction,
      device_path: file.devicePath === undefined ? null : redactor.path(file.devicePath),
      host_path: redactor.path(file.hostPath),
      bytes: file.bytes,
      blocks: file.blocks,
      code: file.code,
      error: file.error === undefined ? null : redactor.token(file.error),
    });
  }

  note(name: string, facts: Readonly<Record<string, string | number | boolean>> = {}): void {
    this.#record('note', { name, facts });
  }

  close(why: string): void {
    this.#record('close', { name: why });
  }

  #record(event: string, fields: object): void {
    const { id: connection, layer } = this;
    this.recorder.write({ time_ms: this.recorder.elapsedMs(), connection, layer, event, ...fields });
  }
}
