/** The computer's side of trust: pair records by UDID, as usbmuxd keeps them for all programs of a computer. */
export class PairRecordStore {
  readonly #records = new Map<string, Buffer>();
  readonly #changed: () => void;

  constructor(records: Iterable<readonly [udid: string, record: Buffer]>, changed: () => void) {
    for (const [udid, record] of records) this.#records.set(udid, record);
    this.#changed = changed;
  }

  read(udid: string): Buffer | undefined {
    return this.#records.get(udid);
  }

  save(udid: string, record: Buffer): void {
    this.#records.set(udid, record);
    this.#changed();
  }

  /** @returns false when there was none */
  delete(udid: string): boolean {
    const deleted = this.#records.delete(udid);
    if (deleted) this.#changed();
    return deleted;
  }

  entries(): readonly (readonly [string, Buffer])[] {
    return [...this.#records];
  }
}
