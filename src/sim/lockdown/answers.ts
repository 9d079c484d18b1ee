/** Answers of lockdownd: each repeats `Request`; a failure has `Error`, a success has not. */
import { type PlistDict, type PlistValue, plistDict } from '../../plist/value.js';

/** A request that lockdownd answers with an error. Not a fault of the phone: clients provoke most of these on purpose. */
export class LockdownRefusal extends Error {
  constructor(
    readonly lockdownError: string,
    /** Further keys of the answer. */
    readonly more: Readonly<Record<string, PlistValue>> = {},
  ) {
    super(lockdownError);
  }
}

export function success(request: string, more: Readonly<Record<string, PlistValue | undefined>> = {}): PlistDict {
  return plistDict({ Request: request, ...more });
}

export function failure(request: string, refusal: LockdownRefusal): PlistDict {
  return plistDict({ Request: request, Error: refusal.lockdownError, ...refusal.more });
}
