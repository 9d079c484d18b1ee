/**
 * lockdownd messages. Requests are dictionaries with `Request` and `Label`; an absent `Domain` or `Key` is left out, never sent empty.
 * An answer with `Error` is a failure; iOS before 5 may say `Result: Failure` alone. The answer to Unpair names ValidatePair in `Request`,
 * so that field is not compared (libimobiledevice and pymobiledevice3 agree on all of this).
 */
import { asBoolean, asInteger, asString, field, optionalString } from '../../plist/fields.js';
import { type PlistDict, type PlistValue, plistDict } from '../../plist/value.js';

export const LOCKDOWN_PORT = 62078;
export const LOCKDOWN_TYPE = 'com.apple.mobile.lockdown';
export const PROTOCOL_VERSION = '2';

export type LockdownRequest =
  | 'QueryType'
  | 'GetValue'
  | 'SetValue'
  | 'RemoveValue'
  | 'Pair'
  | 'ValidatePair'
  | 'Unpair'
  | 'StartSession'
  | 'StopSession'
  | 'StartService';

export function lockdownRequest(
  name: LockdownRequest,
  extra: Readonly<Record<string, PlistValue | undefined>> = {},
): PlistDict {
  return plistDict({ Label: 'ibk', Request: name, ...extra });
}

/** The error's name, or undefined for success. */
export function lockdownErrorName(answer: PlistDict): string | undefined {
  const error = optionalString(answer, 'Error');
  if (error !== undefined) return error;
  return field(answer, 'Result') === 'Failure' ? 'Failure' : undefined;
}

export interface StartedSession {
  readonly sessionId: string;
  readonly wantsTls: boolean;
}

export function decodeStartedSession(answer: PlistDict): StartedSession {
  return {
    sessionId: asString(field(answer, 'SessionID'), 'SessionID'),
    wantsTls: flag(answer, 'EnableSessionSSL'),
  };
}

export interface StartedService {
  readonly port: number;
  readonly wantsTls: boolean;
}

export function decodeStartedService(answer: PlistDict): StartedService {
  return { port: asInteger(field(answer, 'Port'), 'Port'), wantsTls: flag(answer, 'EnableServiceSSL') };
}

/** Absent means false. */
function flag(answer: PlistDict, key: string): boolean {
  const value = field(answer, key);
  return value === undefined ? false : asBoolean(value, key);
}
