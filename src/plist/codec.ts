/** The one door to property lists: sniffs the encoding, sets the limits, turns every failure into an IbkError. */
import { IbkError } from '../errors.js';
import { decodeBinaryPlist } from './binary-decoder.js';
import { encodeBinaryPlist } from './binary-encoder.js';
import type { PlistValue } from './value.js';
import { decodeXmlPlist } from './xml-decoder.js';
import { encodeXmlPlist } from './xml-encoder.js';

export interface PlistLimits {
  /** Largest document in bytes. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Most values in the result, counted after shared references are followed; a dictionary counts as four (weight.ts). Default 1,000,000. */
  readonly maxValues?: number;
  /** Deepest nesting. Default 128. */
  readonly maxDepth?: number;
}

export const DEFAULT_PLIST_LIMITS = { maxBytes: 64 * 1024 * 1024, maxValues: 1_000_000, maxDepth: 128 } as const;

/**
 * Decodes a binary or XML property list.
 * @throws IbkError `device_error`, reason `plist`: not a property list, damaged, cyclic, or beyond the limits. `what` names it in the message.
 */
export function parsePlist(bytes: Buffer, what: string, limits: PlistLimits = {}): PlistValue {
  const bounds = { ...DEFAULT_PLIST_LIMITS, ...limits };
  if (bytes.length > bounds.maxBytes) throw malformed(what, `${bytes.length} bytes, more than ${bounds.maxBytes}`);
  try {
    if (bytes.subarray(0, 8).toString('latin1') === 'bplist00') return decodeBinaryPlist(bytes, bounds);
    return decodeXmlPlist(bytes, bounds);
  } catch (error) {
    throw malformed(what, error instanceof Error ? error.message : String(error), error);
  }
}

function malformed(what: string, why: string, cause?: unknown): IbkError {
  return new IbkError('device_error', `${what} is not a valid property list: ${why}.`, { reason: 'plist', cause });
}

/** Binary form, as Apple's own services write it. Integers beyond 64 bits and undefined throw a TypeError: a bug of the caller. */
export function buildBinaryPlist(value: PlistValue): Buffer {
  return encodeBinaryPlist(value);
}

/** XML form with Apple's DTD line and tab indentation. */
export function buildXmlPlist(value: PlistValue): Buffer {
  return encodeXmlPlist(value);
}
