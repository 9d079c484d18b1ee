/**
 * The file stream that follows DLMessageUploadFiles, phone to computer:
 *
 *   u32 length, path on the phone · u32 length, path for the computer · (u32 n+1, 0x0C, n bytes)* · u32 1, 0x00 · … · u32 0
 *
 * A file that fails ends with (u32 1+m, code, m bytes of text) instead.
 */
import type { WireOutput } from './output.js';

const CODE_DATA = 0x0c;
const CODE_SUCCESS = 0x00;
/** Frames of this size are joined from the pieces that the content comes in. The real figure is the phone's choice (not known). */
export const FRAME_BYTES = 256 * 1024;

export interface UploadFault {
  /** 0x0B as seen from real phones, or any other. */
  readonly code: number;
  readonly text: string;
  /** Send the first piece of data before failing. */
  readonly afterData: boolean;
}

export interface UploadFile {
  readonly devicePath: string;
  readonly hostPath: string;
  readonly chunks: Iterable<Buffer> | AsyncIterable<Buffer>;
  /** Sees the bytes that are sent, in order: for hashes. */
  readonly onBytes?: (bytes: Buffer) => void;
  readonly fault?: UploadFault;
}

export interface UploadOutcome {
  readonly sentBytes: number;
  /** The text with which the file failed. */
  readonly failure: string | undefined;
}

export class UploadStream {
  readonly #output: WireOutput;
  readonly #frameBytes: number;

  constructor(output: WireOutput, frameBytes = FRAME_BYTES) {
    this.#output = output;
    this.#frameBytes = frameBytes;
  }

  async file(file: UploadFile): Promise<UploadOutcome> {
    this.#path(file.devicePath);
    this.#path(file.hostPath);
    const framer = new Framer(this.#output, this.#frameBytes);
    let sentBytes = 0;
    const send = (chunk: Buffer) => {
      file.onBytes?.(chunk);
      sentBytes += chunk.length;
      framer.add(chunk);
    };
    let { fault } = file;
    if (fault === undefined) {
      try {
        if (Symbol.iterator in file.chunks) {
          for (const chunk of file.chunks) {
            send(chunk);
            if (this.#output.full) await this.#output.flush();
          }
        } else {
          for await (const chunk of file.chunks) {
            send(chunk);
            if (this.#output.full) await this.#output.flush();
          }
        }
      } catch (error) {
        if (!isFileError(error)) throw error;
        fault = { code: 0x0b, text: `Input/output error (5): ${error.code}`, afterData: true };
      }
    } else if (fault.afterData) {
      for await (const chunk of file.chunks) {
        send(chunk);
        break;
      }
    }
    framer.end();
    if (fault === undefined) this.#final(CODE_SUCCESS, '');
    else this.#final(fault.code, fault.text);
    if (this.#output.full) await this.#output.flush();
    return { sentBytes, failure: fault?.text };
  }

  /** The end of the batch. */
  end(): void {
    this.#output.put(Buffer.alloc(4));
  }

  #path(path: string): void {
    const bytes = Buffer.from(path, 'utf8');
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(bytes.length, 0);
    this.#output.put(length);
    this.#output.put(bytes);
  }

  #final(code: number, text: string): void {
    const words = Buffer.from(text, 'utf8');
    const head = Buffer.allocUnsafe(5);
    head.writeUInt32BE(1 + words.length, 0);
    head.writeUInt8(code, 4);
    this.#output.put(head);
    if (words.length > 0) this.#output.put(words);
  }
}

/** Joins pieces to data frames of at most `frameBytes`. */
class Framer {
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(
    private readonly output: WireOutput,
    private readonly frameBytes: number,
  ) {}

  add(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0; ) {
      const part = rest.subarray(0, this.frameBytes - this.#bytes);
      this.#parts.push(part);
      this.#bytes += part.length;
      rest = rest.subarray(part.length);
      if (this.#bytes === this.frameBytes) this.end();
    }
  }

  end(): void {
    if (this.#bytes === 0) return;
    const head = Buffer.allocUnsafe(5);
    head.writeUInt32BE(this.#bytes + 1, 0);
    head.writeUInt8(CODE_DATA, 4);
    this.output.put(head);
    for (const part of this.#parts) this.output.put(part);
    this.#parts = [];
    this.#bytes = 0;
  }
}

/** A file of this computer (`--content DIR`) that could not be read. */
function isFileError(error: unknown): error is Error & { readonly code: string; readonly syscall: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error && 'path' in error;
}
