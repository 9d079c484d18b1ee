/** Reads a trace that `ibk … --trace FILE` wrote: one JSON record a line. Nothing in it is trusted. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { IbkError } from '../../errors.js';

/** A redacted value, as the trace's own notes describe it. */
export type Shape = string | number | boolean | Shape[] | { [key: string]: Shape };

export interface TracedFileRecord {
  readonly devicePath: string;
  readonly hostPath: string;
  readonly bytes: number;
  readonly blocks: number;
  readonly code: number;
  readonly error: string;
}

interface Common {
  readonly connection: number;
  readonly layer: string;
}

export type TraceRecord = Common &
  (
    | { readonly event: 'open' | 'close'; readonly name: string }
    | { readonly event: 'message'; readonly sent: boolean; readonly name: string; readonly shape: Shape }
    | {
        readonly event: 'packet';
        readonly sent: boolean;
        readonly name: string;
        readonly bytes: number;
        readonly numbers: Readonly<Record<string, number>>;
      }
    | { readonly event: 'file'; readonly sent: boolean; readonly file: TracedFileRecord }
  );

const MAX_RECORDS = 5_000_000;
const MAX_FILE_BYTES = 2 ** 50;

/** @throws IbkError `usage` when the file cannot be read or is no trace */
export async function readTraceFile(path: string): Promise<TraceRecord[]> {
  const records: TraceRecord[] = [];
  const input = createReadStream(path);
  let number = 0;
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      const record = asObject(JSON.parse(line));
      if (number === 1) {
        if (record.type !== 'trace' || record.v !== 1) throw new Error('it does not begin as a trace does');
        continue;
      }
      if (records.length >= MAX_RECORDS) throw new Error(`more than ${MAX_RECORDS} records`);
      const read = readRecord(record);
      if (read !== undefined) records.push(read);
    }
    if (number === 0) throw new Error('it is empty');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new IbkError('usage', `${path} cannot be replayed (line ${number}): ${why}.`, {
      hint: 'Make a trace with: ibk backup --trace FILE',
      cause: error,
    });
  } finally {
    input.destroy();
  }
  return records;
}

/** undefined for what a replay does not need (blocks, notes, kinds of later versions). */
function readRecord(record: Readonly<Record<string, unknown>>): TraceRecord | undefined {
  const common = { connection: count(record.connection), layer: text(record.layer) };
  const sent = record.direction === 'sent';
  switch (record.event) {
    case 'open':
    case 'close':
      return { ...common, event: record.event, name: text(record.name) };
    case 'message':
      return { ...common, event: 'message', sent, name: text(record.name), shape: record.shape as Shape };
    case 'packet': {
      const numbers = Object.entries(asObject(record.numbers)).map(([key, value]) => [key, count(value)] as const);
      const bytes = count(record.bytes);
      return { ...common, event: 'packet', sent, name: text(record.name), bytes, numbers: Object.fromEntries(numbers) };
    }
    case 'file':
      return { ...common, event: 'file', sent, file: readFile(record) };
    default:
      return undefined;
  }
}

function readFile(record: Readonly<Record<string, unknown>>): TracedFileRecord {
  const optional = (value: unknown) => (value === null || value === undefined ? '' : text(value));
  const bytes = count(record.bytes);
  if (bytes > MAX_FILE_BYTES) throw new Error(`a file of ${bytes} bytes`);
  return {
    devicePath: optional(record.device_path),
    hostPath: text(record.host_path),
    bytes,
    blocks: count(record.blocks),
    code: count(record.code),
    error: optional(record.error),
  };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('a line is no JSON object');
  return value as Record<string, unknown>;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error('a field that should be a string is none');
  return value;
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new Error('a count is none');
  return value;
}
