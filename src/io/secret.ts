/** A password while it is in memory: nothing that prints, logs or serialises it can show more than three stars. */
import { timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

const SHOWN = '***';

export class Secret {
  readonly #bytes: Buffer;

  /** Takes the buffer over: it is overwritten by `wipe`. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The text's UTF-8 bytes. The text itself stays in memory as long as the engine keeps it. */
  static of(text: string): Secret {
    return new Secret(Buffer.from(text, 'utf8'));
  }

  /** The bytes themselves, not a copy: zeros once the secret was wiped. */
  bytes(): Buffer {
    return this.#bytes;
  }

  /** One of its own, for somebody who wipes what he was given. */
  copy(): Secret {
    return new Secret(Buffer.from(this.#bytes));
  }

  equals(other: Secret): boolean {
    return this.#bytes.length === other.#bytes.length && timingSafeEqual(this.#bytes, other.#bytes);
  }

  wipe(): void {
    this.#bytes.fill(0);
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}
