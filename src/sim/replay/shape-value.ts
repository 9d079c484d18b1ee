/** Makes a property-list value of a redacted shape: of the same types and sizes, with tokens where names were. */
import { type PlistDict, PlistReal, PlistUid, type PlistValue, plistDict } from '../../plist/value.js';
import type { Shape } from './trace-file.js';

/** What a hashed date becomes. */
export const REPLAY_DATE = new Date('2026-01-01T00:00:00Z');
const MAX_DATA_BYTES = 64 * 1024 * 1024;

export function valueOfShape(shape: Shape | undefined): PlistValue {
  if (typeof shape === 'string' || typeof shape === 'boolean') return shape;
  if (typeof shape === 'number') return Number.isInteger(shape) ? shape : new PlistReal(shape);
  if (Array.isArray(shape)) return shape.filter((item) => kind(item) !== 'more').map(valueOfShape);
  if (typeof shape !== 'object' || shape === null) throw new Error('a shape that is no value');
  const special = kind(shape);
  return special === undefined ? dictOfShape(shape) : specialValue(special, shape);
}

export function dictOfShape(shape: { readonly [key: string]: Shape }): PlistDict {
  const entries = Object.keys(shape).filter((key) => key !== '$more');
  return plistDict(Object.fromEntries(entries.map((key) => [key, valueOfShape(shape[key])])));
}

/** `{"$": kind, …}` stands for a value that JSON has no form for, or that was left out. */
function kind(shape: Shape): string | undefined {
  if (typeof shape !== 'object' || shape === null || Array.isArray(shape)) return undefined;
  return typeof shape.$ === 'string' ? shape.$ : undefined;
}

function specialValue(special: string, shape: { readonly [key: string]: Shape }): PlistValue {
  switch (special) {
    case 'data': {
      const bytes = typeof shape.bytes === 'number' ? shape.bytes : 0;
      if (bytes > MAX_DATA_BYTES) throw new Error(`data of ${bytes} bytes`);
      return Buffer.alloc(bytes, 0x2e);
    }
    case 'real':
      return new PlistReal(typeof shape.value === 'number' ? shape.value : 0);
    case 'integer':
      return typeof shape.value === 'string' ? BigInt(shape.value) : 1;
    case 'boolean':
      return false;
    case 'date':
      return REPLAY_DATE;
    case 'uid':
      return new PlistUid(0);
    default:
      throw new Error(`a shape of kind ${special}`);
  }
}
