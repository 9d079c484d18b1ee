/** A buffer that grows with what is written, big-endian. */
const FIRST_BYTES = 512;

export class GrowingBytes {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @param value not negative, an integer that fits: one byte takes anything  @param size of the number in bytes, 1 to 6 */
  unsigned(value: number, size: number): void {
    const at = this.#grow(size);
    if (size === 1) this.#buffer[at] = value;
    else this.#buffer.writeUIntBE(value, at, size);
  }

  /** 64 bits. */
  long(value: bigint): void {
    const at = this.#grow(8);
    this.#buffer.writeBigUInt64BE(value, at);
  }

  double(value: number): void {
    const at = this.#grow(8);
    this.#buffer.writeDoubleBE(value, at);
  }

  latin1(text: string): void {
    const at = this.#grow(text.length);
    this.#buffer.write(text, at, 'latin1');
  }

  bytes(bytes: Buffer): void {
    const at = this.#grow(bytes.length);
    bytes.copy(this.#buffer, at);
  }

  /** All that was written, without a copy: nothing more may be written. */
  taken(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** @returns where the next bytes go */
  #grow(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    return at;
  }
}
