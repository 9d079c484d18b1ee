/** Figures of a running exchange, read by whoever shows them. They are kept here, not sent as events: there may be thousands a second. */
export interface LinkProgress {
  /** The phone's overall percentage, 0-100, never going back; null until it has told one. */
  readonly percent: number | null;
  /** Bytes of file content that arrived. */
  readonly bytesDone: number;
  /** The phone's own path of the file in flight, or of the last one. */
  readonly devicePath: string | null;
}

/** Each message carries the percentage that holds after it: between two of them it is interpolated by bytes. */
export class ProgressMeter implements LinkProgress {
  percent: number | null = null;
  bytesDone = 0;
  devicePath: string | null = null;
  #from = 0;
  #to: number | undefined;
  #batchStart = 0;
  #batchBytes = 0;

  /** A request begins. `totalBytes` is the phone's figure for the batch, 0 where it gives none. */
  begin(percent: number | undefined, totalBytes = 0): void {
    this.#from = this.percent ?? 0;
    this.#to = percent;
    this.#batchStart = this.bytesDone;
    this.#batchBytes = totalBytes;
    this.advance();
  }

  /** Bytes have arrived. */
  advance(): void {
    if (this.#to === undefined) return;
    const share = this.#batchBytes > 0 ? Math.min(1, (this.bytesDone - this.#batchStart) / this.#batchBytes) : 0;
    this.#raise(this.#from + (this.#to - this.#from) * share);
  }

  /** The request is done. */
  end(): void {
    if (this.#to !== undefined) this.#raise(this.#to);
    this.#to = undefined;
  }

  #raise(percent: number): void {
    this.percent = Math.max(this.percent ?? 0, percent);
  }
}
