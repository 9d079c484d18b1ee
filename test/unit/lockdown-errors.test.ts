import { expect, test } from 'vitest';
import { LOCKDOWN_ERRORS, lockdownError } from '../../src/protocol/lockdown/errors.js';
import { LOCKDOWN_ERRORS as SIMULATED } from '../../src/sim/scenarios/connection.js';

/** Every name of the protocol reference's table, with the exit status that the contract gives it. */
const CONTRACT: Readonly<Record<string, number>> = {
  PasswordProtected: 23,
  PairingDialogResponsePending: 22,
  UserDeniedPairing: 22,
  InvalidHostID: 22,
  MissingHostID: 22,
  MissingPairRecord: 22,
  InvalidPairRecord: 22,
  SavePairRecordFailed: 22,
  PairingProhibitedOverThisConnection: 22,
  SessionActive: 25,
  SessionInactive: 25,
  MissingSessionID: 25,
  InvalidSessionID: 25,
  InvalidConnection: 25,
  InvalidService: 15,
  MissingService: 25,
  ServiceLimit: 27,
  ServiceProhibited: 28,
  EscrowLocked: 23,
  MissingValue: 25,
  GetProhibited: 25,
  SetProhibited: 25,
  RemoveProhibited: 25,
  ImmutableValue: 25,
  MissingKey: 25,
  MCProtected: 28,
  MCChallengeRequired: 22,
  FMiPProtected: 28,
  InvalidActivationRecord: 27,
  MissingActivationRecord: 27,
  InvalidResponse: 25,
};

test.each(Object.entries(CONTRACT))('%s gives exit %i, one sentence and a next step', (name, exit) => {
  const error = lockdownError(name, { request: 'GetValue', noun: 'iPhone' });
  expect(error.exit).toBe(exit);
  expect(error.message).toMatch(/^[A-Z][^%]*\.$/);
  expect(error.hint).not.toBe('');
  expect(error.details.lockdown_error).toBe(name);
  expect(error.reason).toMatch(/^[a-z][a-z_0-9]*$/);
});

test('the table knows no other names, and all that the simulator can play', () => {
  expect(Object.keys(LOCKDOWN_ERRORS).sort()).toEqual(Object.keys(CONTRACT).sort());
  for (const name of SIMULATED) expect(LOCKDOWN_ERRORS).toHaveProperty(name);
});

test('MissingValue to StartService says that the device was not unlocked since it started', () => {
  const error = lockdownError('MissingValue', {
    request: 'StartService',
    service: 'com.apple.mobilebackup2',
    noun: 'iPad',
  });
  expect(error).toMatchObject({ code: 'device_locked', exit: 23, reason: 'not_unlocked_since_start' });
  expect(error.message).toBe('The iPad has not been unlocked since it started.');
});

test('a name that nobody knows is quoted without control characters', () => {
  const error = lockdownError('New\u001b[31mError\n', { request: 'Pair' });
  expect(error).toMatchObject({ code: 'device_error', exit: 25 });
  expect(error.message).not.toMatch(/[\u0000-\u001f]/);
  expect(lockdownError('__proto__', { request: 'Pair' }).code).toBe('device_error');
});
