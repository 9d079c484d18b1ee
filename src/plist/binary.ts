import type { PlistValue } from './value.js';

export interface DecodeBounds {
  readonly maxValues: number;
  readonly maxDepth: number;
}

export function decodeBinaryPlist(_bytes: Buffer, _bounds: DecodeBounds): PlistValue {
  throw new Error('binary');
}

export function encodeBinaryPlist(_value: PlistValue): Buffer {
  throw new Error('binary');
}
