/** The device's end of Device Link, written out byte by byte: framing of its own, nothing shared with the client but the plist codec. */
import type { Socket } from 'node:net';
import { buildBinaryPlist, parsePlist } from '../../src/plist/codec.js';
import { PlistReal, type PlistValue, plistDict } from '../../src/plist/value.js';
import type { Connection } from '../../src/protocol/transport.js';
import { connectionOf } from '../../src/protocol/connection.js';
import { socketPair } from './socket-pair.js';

export class ScriptedDevice {
  readonly socket: Socket;
  #arrived = Buffer.alloc(0);
  #wake = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#arrived = Buffer.concat([this.#arrived, chunk]);
      this.#wake();
    });
    socket.on('close', () => this.#wake());
  }

  send(message: PlistValue): void {
    this.socket.write(frame(message));
  }

  raw(...parts: (string | Buffer)[]): void {
    for (const part of parts) this.socket.write(typeof part === 'string' ? hex(part) : part);
  }

  async receive(): Promise<PlistValue[]> {
    const length = (await this.bytes(4)).readUInt32BE(0);
    const value = parsePlist(await this.bytes(length), 'a message to the device');
    if (!Array.isArray(value)) throw new Error('not an array');
    return value;
  }

  async bytes(length: number): Promise<Buffer> {
    while (this.#arrived.length < length) {
      if (this.socket.destroyed) throw new Error(`the stream ended before ${length} bytes`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const bytes = this.#arrived.subarray(0, length);
    this.#arrived = this.#arrived.subarray(length);
    return bytes;
  }

  /** The handshake, the device's side. */
  async greet(major = 400): Promise<PlistValue[]> {
    this.send(['DLMessageVersionExchange', major, 0]);
    const answer = await this.receive();
    this.send(['DLMessageDeviceReady']);
    return answer;
  }

  finish(errorCode = 0, description?: string): void {
    const content = plistDict({ MessageName: 'Response', ErrorCode: errorCode, ErrorDescription: description });
    this.send(['DLMessageProcessMessage', content]);
  }
}

export function frame(message: PlistValue): Buffer {
  const body = buildBinaryPlist(message);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s+/g, ''), 'hex');
}

export const real = (value: number): PlistReal => new PlistReal(value);

export async function devicePair(): Promise<{ device: ScriptedDevice; connection: Connection } & Disposable> {
  const [near, far] = await socketPair();
  return {
    device: new ScriptedDevice(far),
    connection: connectionOf(near),
    [Symbol.dispose]() {
      near.destroy();
      far.destroy();
    },
  };
}
