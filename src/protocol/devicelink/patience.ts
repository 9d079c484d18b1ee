/**
 * Ends a run in which the device asks and asks and sends nothing: silence is watched elsewhere, and a device that never pauses is never silent.
 *
 * Each thing has a price. What may be spent is far beyond what phones need, plus a share for the bytes that have come: a phone with a million files may
 * move each in a message of its own, and list its folders a hundred times.
 */
import { IbkError } from '../../errors.js';

export const PRICE = {
  /** A question about what is there, or one that is not known. */
  question: 100,
  /** A copy on the host's disk, of whatever size. */
  copy: 1000,
  /** A folder, or a file that is asked for. */
  place: 10,
  /** A name moved or removed, an empty piece of a file. */
  name: 1,
  /** A file, on top of what its bytes earn. */
  file: 10,
  /** A file that the device could not send: it is kept in memory. */
  failure: 1000,
} as const;

const CREDIT = 10_000_000;
const BYTES_A_UNIT = 64;

export class Patience {
  readonly #credit: number;
  readonly #bytes: () => number;
  #spent = 0;

  /** @param bytes of content that have come so far */
  constructor(bytes: () => number, credit = CREDIT) {
    this.#bytes = bytes;
    this.#credit = credit;
  }

  /** @throws IbkError `device_error`, reason `no_progress` */
  spend(units: number): void {
    this.#spent += units;
    if (this.#spent <= this.#credit) return;
    if (this.#spent <= this.#credit + this.#bytes() / BYTES_A_UNIT) return;
    throw new IbkError('device_error', 'The iPhone kept asking without sending anything.', {
      reason: 'no_progress',
      hint: 'Restart the iPhone, then run: ibk backup',
    });
  }
}
