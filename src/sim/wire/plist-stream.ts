/** Messages of lockdownd and of most services: u32 big-endian length, then one property list. Answers are XML, as the phone's are. */
import type { Duplex } from 'node:stream';
import { buildXmlPlist, parsePlist } from '../../plist/codec.js';
import { isPlistDict, type PlistDict } from '../../plist/value.js';
import { PullReader } from './pull-reader.js';

/** Far more than any request to a helper service needs. */
const MAX_REQUEST_BYTES = 1024 * 1024;

/** A request that a real phone would answer by closing the connection. */
export class BadRequest extends Error {}

export class PlistStream {
  readonly #reader: PullReader;

  constructor(
    readonly stream: Duplex,
    /** Changes the bytes of an answer before they are sent, for faults. */
    readonly distort: (xml: Buffer) => Buffer = (xml) => xml,
  ) {
    this.#reader = new PullReader(stream);
  }

  /** The next request; undefined at the end of the stream. @throws BadRequest, IbkError (not a plist) */
  async read(): Promise<PlistDict | undefined> {
    const head = await this.#reader.exactly(4);
    if (head === undefined) return undefined;
    const length = head.readUInt32BE(0);
    if (length === 0 || length > MAX_REQUEST_BYTES) throw new BadRequest(`a message of ${length} bytes`);
    const body = await this.#reader.exactly(length);
    if (body === undefined) return undefined;
    const value = parsePlist(body, 'request');
    if (!isPlistDict(value)) throw new BadRequest('a message that is not a dictionary');
    return value;
  }

  write(value: PlistDict): void {
    if (this.stream.destroyed || this.stream.writableEnded) return;
    const body = this.distort(buildXmlPlist(value));
    const packet = Buffer.allocUnsafe(4 + body.length);
    packet.writeUInt32BE(body.length, 0);
    body.copy(packet, 4);
    this.stream.write(packet);
  }

  release(): void {
    this.#reader.release();
  }
}
