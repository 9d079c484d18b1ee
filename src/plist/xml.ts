import type { PlistValue } from './value.js';

export interface DecodeBounds {
  readonly maxValues: number;
  readonly maxDepth: number;
}

export function decodeXmlPlist(_bytes: Buffer, _bounds: DecodeBounds): PlistValue {
  throw new Error('xml');
}

export function encodeXmlPlist(_value: PlistValue): Buffer {
  throw new Error('xml');
}
