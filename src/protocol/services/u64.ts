/** A u64 as a number where that is exact, else infinity: such a value is never a length or a code that is meant. */
export function asSafeNumber(value: bigint): number {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Number.POSITIVE_INFINITY;
}
