/** Pair, ValidatePair and Unpair. */
import type { Link } from '../../events.js';
import { field, optionalDict, optionalString } from '../../plist/fields.js';
import { type PlistDict, plistDict } from '../../plist/value.js';
import { checkPairRecord, type Pairing } from '../phone/pairing.js';
import type { SimulatedPhone } from '../phone/phone.js';
import type { Supervision } from '../phone/supervision.js';
import { LockdownRefusal, success } from './answers.js';

export function majorVersion(version: string): number {
  return Number.parseInt(version, 10);
}

export async function pair(request: PlistDict, phone: SimulatedPhone, link: Link): Promise<PlistDict> {
  if (phone.detachAt('pair')) throw new LockdownRefusal('InvalidConnection');
  checkProtocolVersion(request, phone);
  const forced = phone.scenarios.value('pair-error');
  if (forced === 'MCChallengeRequired') {
    const challenge = plistDict({ PairingChallenge: Buffer.from('a challenge for the supervising organisation') });
    throw new LockdownRefusal(forced, { ExtendedResponse: challenge });
  }
  if (forced !== undefined) throw new LockdownRefusal(forced);
  if (link === 'network') throw new LockdownRefusal('PairingProhibitedOverThisConnection');
  const offered = await readRecord(request, phone);
  if (phone.lock !== 'unlocked') throw new LockdownRefusal('PasswordProtected');
  // In a replay the trace has the answers of the dialog.
  const known = phone.replay !== undefined || phone.pairings.has(offered.hostId);
  if (phone.supervision !== undefined && !known) refuseOthers(request, phone, phone.supervision);
  else if (!known && majorVersion(phone.productVersion) >= 7) {
    const answer = phone.trust.ask();
    if (answer === 'pending') throw new LockdownRefusal('PairingDialogResponsePending');
    if (answer === 'refused') throw new LockdownRefusal('UserDeniedPairing');
  }
  const pairing: Pairing = { ...offered, escrowBag: phone.escrowBag(offered.hostId) };
  phone.savePairing(pairing);
  return success('Pair', { EscrowBag: phone.scenarios.has('no-escrow-bag') ? undefined : pairing.escrowBag });
}

/** Returns for the organization that supervises the phone. */
function refuseOthers(request: PlistDict, phone: SimulatedPhone, supervision: Supervision): void {
  const options = optionalDict(request, 'PairingOptions') ?? plistDict();
  const response = field(options, 'ChallengeResponse');
  if (Buffer.isBuffer(response)) {
    const fault = supervision.fault(response);
    if (fault === undefined) return;
    phone.violation(`lockdown: Pair: the answer to the challenge: ${fault}`);
    throw new LockdownRefusal('MCProtected');
  }
  const certificate = field(options, 'SupervisorCertificate');
  if (!Buffer.isBuffer(certificate) || !supervision.isSupervisor(certificate)) throw new LockdownRefusal('MCProtected');
  const challenge = plistDict({ PairingChallenge: supervision.challenge });
  throw new LockdownRefusal('MCChallengeRequired', { ExtendedResponse: challenge });
}

/** Before iOS 7 it made a computer a trusted one; later nobody sends it. */
export function validatePair(request: PlistDict, phone: SimulatedPhone): { answer: PlistDict; hostId: string } {
  if (majorVersion(phone.productVersion) >= 7) phone.violation('lockdown: ValidatePair is for iOS before 7');
  const hostId = recordHostId(request);
  if (phone.findPairing(hostId) === undefined) throw new LockdownRefusal('InvalidHostID');
  return { answer: success('ValidatePair'), hostId };
}

/** Its answer names ValidatePair, as real phones' answers do. */
export function unpair(request: PlistDict, phone: SimulatedPhone): PlistDict {
  checkProtocolVersion(request, phone);
  if (!phone.removePairing(recordHostId(request))) throw new LockdownRefusal('InvalidHostID');
  return success('ValidatePair');
}

async function readRecord(request: PlistDict, phone: SimulatedPhone): Promise<Omit<Pairing, 'escrowBag'>> {
  const record = optionalDict(request, 'PairRecord');
  if (record === undefined) throw new LockdownRefusal('MissingPairRecord');
  try {
    return checkPairRecord(record, await phone.key());
  } catch (error) {
    phone.violation(`lockdown: Pair: ${error instanceof Error ? error.message : String(error)}`);
    throw new LockdownRefusal('InvalidPairRecord');
  }
}

function recordHostId(request: PlistDict): string {
  const record = optionalDict(request, 'PairRecord');
  if (record === undefined) throw new LockdownRefusal('MissingPairRecord');
  const hostId = optionalString(record, 'HostID');
  if (hostId === undefined) throw new LockdownRefusal('MissingHostID');
  return hostId;
}

function checkProtocolVersion(request: PlistDict, phone: SimulatedPhone): void {
  const version = field(request, 'ProtocolVersion');
  if (version !== '2') phone.violation(`lockdown: ProtocolVersion is ${JSON.stringify(version)}, not "2"`);
}
