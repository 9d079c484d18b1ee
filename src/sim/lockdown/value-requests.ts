/** GetValue, SetValue and RemoveValue. */
import { field } from '../../plist/fields.js';
import { type PlistDict, type PlistValue, plistDict } from '../../plist/value.js';
import { lockdownDomain, PUBLIC_KEYS, SETTABLE_DOMAINS, SETTABLE_KEYS } from '../phone/lockdown-values.js';
import type { SimulatedPhone } from '../phone/phone.js';
import { LockdownRefusal, success } from './answers.js';

/** `Domain` and `Key` as sent. An empty or non-string one is recorded: absent keys must be left out. */
function names(
  request: PlistDict,
  phone: SimulatedPhone,
): { domain: string; key: string | undefined; echo: PlistDict } {
  const domain = field(request, 'Domain');
  const key = field(request, 'Key');
  for (const [name, value] of Object.entries({ Domain: domain, Key: key })) {
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      phone.violation(`lockdown: ${name} is sent, but empty or no string`);
    }
  }
  return {
    domain: typeof domain === 'string' ? domain : '',
    key: typeof key === 'string' && key !== '' ? key : undefined,
    echo: plistDict({ Domain: domain, Key: key }),
  };
}

export async function getValue(request: PlistDict, phone: SimulatedPhone, session: boolean): Promise<PlistDict> {
  const { domain, key, echo } = names(request, phone);
  const condition = await phone.condition(session);
  const own = lockdownDomain(domain, phone.profile, phone.identity, condition);
  const kept = domain === '' ? phone.replay?.keptValues() : undefined;
  const values = kept === undefined ? own : plistDict({ ...own, ...kept });
  const answer = (value: PlistValue) => success('GetValue', { ...echo, Value: value });
  const refuse = (error: string) => new LockdownRefusal(error, echo);
  if (!session && domain !== '') throw refuse('GetProhibited');
  if (values === undefined) throw refuse('MissingValue');
  if (key === undefined) {
    if (session) return answer(values);
    return answer(plistDict(Object.fromEntries(Object.entries(values).filter(([name]) => PUBLIC_KEYS.has(name)))));
  }
  const value = field(values, key);
  if (!session && !PUBLIC_KEYS.has(key)) throw refuse(value === undefined ? 'MissingValue' : 'GetProhibited');
  if (value === undefined) throw refuse('MissingValue');
  return answer(value);
}

export function setValue(request: PlistDict, phone: SimulatedPhone): PlistDict {
  const { domain, key, echo } = names(request, phone);
  const value = field(request, 'Value');
  if (key === undefined) throw new LockdownRefusal('MissingKey', echo);
  if (value === undefined) throw new LockdownRefusal('MissingValue', echo);
  if (!settable(domain, key)) throw new LockdownRefusal('SetProhibited', echo);
  phone.setValues.set(domain, plistDict({ ...phone.setValues.get(domain), [key]: value }));
  phone.emit('changed');
  return success('SetValue', { ...echo, Value: value });
}

export function removeValue(request: PlistDict, phone: SimulatedPhone): PlistDict {
  const { domain, key, echo } = names(request, phone);
  if (key === undefined) throw new LockdownRefusal('MissingKey', echo);
  if (!settable(domain, key)) throw new LockdownRefusal('RemoveProhibited', echo);
  const set = phone.setValues.get(domain);
  if (set === undefined || field(set, key) === undefined) throw new LockdownRefusal('MissingValue', echo);
  phone.setValues.set(domain, plistDict({ ...set, [key]: undefined }));
  phone.emit('changed');
  return success('RemoveValue', { ...echo });
}

function settable(domain: string, key: string): boolean {
  return domain === '' ? SETTABLE_KEYS.has(key) : SETTABLE_DOMAINS.has(domain);
}
