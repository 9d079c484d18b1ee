/**
 * Property-list values, kept apart as the two encodings keep them apart.
 *
 * Integers are `number` where that is exact and `bigint` beyond 2^53; a real is a `PlistReal`, so that 2.0 stays a real on the wire (the
 * mobilebackup2 version exchange needs it); UIDs (keyed archives) are `PlistUid`. Dictionaries have no prototype, so that a key such as
 * `__proto__` is only a key.
 */
export class PlistReal {
  constructor(readonly value: number) {}
}

export class PlistUid {
  constructor(readonly value: number) {}
}

export interface PlistDict {
  [key: string]: PlistValue;
}

export type PlistValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Buffer
  | PlistReal
  | PlistUid
  | PlistValue[]
  | PlistDict;

/** An empty dictionary without a prototype. */
export function plistDict(entries: Readonly<Record<string, PlistValue | undefined>> = {}): PlistDict {
  const dict: PlistDict = Object.create(null);
  for (const key of Object.keys(entries)) {
    const value = entries[key];
    if (value !== undefined) dict[key] = value;
  }
  return dict;
}

export function isPlistDict(value: PlistValue | undefined): value is PlistDict {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !Buffer.isBuffer(value) &&
    !(value instanceof PlistReal) &&
    !(value instanceof PlistUid)
  );
}
