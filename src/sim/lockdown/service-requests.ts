/** StartService. */
import { field, optionalString } from '../../plist/fields.js';
import type { PlistDict } from '../../plist/value.js';
import type { Pairing } from '../phone/pairing.js';
import type { SimulatedPhone } from '../phone/phone.js';
import { count } from '../phone/phone.js';
import { BACKUP_SERVICE, fullServiceName, serviceHandler } from '../services/directory.js';
import { LockdownRefusal, success } from './answers.js';

/** @param replayed the answer of a trace: its port and its TLS flag are used again */
export function startService(
  request: PlistDict,
  phone: SimulatedPhone,
  pairing: Pairing,
  replayed?: PlistDict,
): PlistDict {
  const name = optionalString(request, 'Service');
  if (name === undefined) throw new LockdownRefusal('MissingService');
  count(phone.stats.lockdown, `StartService ${name}`);
  if (phone.detachAt('service')) throw new LockdownRefusal('InvalidConnection');
  const refuse = (error: string) => new LockdownRefusal(error, { Service: name });
  const forced = forcedError(phone, name);
  if (forced !== undefined) throw refuse(forced);
  const handler = serviceHandler(phone, name);
  if (handler === undefined) throw refuse('InvalidService');
  checkKeys(request, phone, pairing, name, refuse);
  const ssl = replayed === undefined ? phone.profile.serviceSsl : field(replayed, 'EnableServiceSSL') === true;
  const port = phone.ports.start(
    { name, handler, ssl, pairing },
    replayed === undefined ? undefined : field(replayed, 'Port'),
  );
  if (port === undefined) throw refuse('ServiceLimit');
  // Devices leave the flag out when it is false (inferred from clients, which take absent for false).
  return success('StartService', { EnableServiceSSL: ssl ? true : undefined, Port: port, Service: name });
}

/** Can the service get at the user's data? Only the backup service needs to (inferred for the others). */
function checkKeys(
  request: PlistDict,
  phone: SimulatedPhone,
  pairing: Pairing,
  name: string,
  refuse: (error: string) => LockdownRefusal,
): void {
  const bag = field(request, 'EscrowBag');
  if (bag !== undefined && !(Buffer.isBuffer(bag) && bag.equals(pairing.escrowBag))) {
    phone.violation('lockdown: StartService with an EscrowBag that is not the one of this pairing');
    throw refuse('EscrowLocked');
  }
  if (phone.lock === 'not-unlocked' && bag !== undefined) throw refuse('MissingValue');
  if (phone.lock !== 'unlocked' && bag === undefined && name === BACKUP_SERVICE) throw refuse('PasswordProtected');
}

/** `service-error=NAME` is about the backup service, `service-error=NAME:SERVICE` about another. */
function forcedError(phone: SimulatedPhone, name: string): string | undefined {
  for (const value of phone.scenarios.values('service-error')) {
    const [error = '', service = BACKUP_SERVICE] = value.split(':');
    if (fullServiceName(service) === name) return error;
  }
  return undefined;
}
