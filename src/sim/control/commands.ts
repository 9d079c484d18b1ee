/**
 * What `ibk sim ctl` asks of a running simulator: a private message on the muxer's socket.
 * Request: {MessageType: "SimulatorControl", Command, UDID?, …}; answer: {Json: data} or {Error: string}.
 */
import { IbkError } from '../../errors.js';
import { field, optionalString } from '../../plist/fields.js';
import { type PlistDict, plistDict } from '../../plist/value.js';
import type { SimulatedPhone } from '../phone/phone.js';
import { phoneStats } from './stats.js';

export const CONTROL_COMMANDS = [
  'mutate',
  'tree',
  'unlock',
  'lock',
  'trust',
  'revoke',
  'passcode',
  'unplug',
  'plug',
  'cancel',
  'restart',
  'stats',
] as const;

export type ControlCommand = (typeof CONTROL_COMMANDS)[number];

/** @param violations of all phones, and of clients that reached none */
export async function runControl(
  request: PlistDict,
  phones: readonly SimulatedPhone[],
  violations: readonly string[],
): Promise<PlistDict> {
  try {
    const answer = await command(request, phones, violations);
    return plistDict({ Json: Buffer.from(JSON.stringify(answer)) });
  } catch (error) {
    return plistDict({ Error: error instanceof Error ? error.message : String(error) });
  }
}

async function command(
  request: PlistDict,
  phones: readonly SimulatedPhone[],
  violations: readonly string[],
): Promise<unknown> {
  const name = optionalString(request, 'Command');
  if (name === 'stats' && optionalString(request, 'UDID') === undefined) {
    return { v: 1, type: 'sim_stats', violations, devices: phones.map(phoneStats) };
  }
  const phone = choose(phones, optionalString(request, 'UDID'));
  const number = (key: string) => {
    const value = field(request, key);
    return typeof value === 'number' ? value : 0;
  };
  const yes = field(request, 'Accept') === true;
  switch (name) {
    case 'mutate': {
      const mutation = {
        add: number('Add'),
        change: number('Change'),
        remove: number('Remove'),
        rename: number('Rename'),
      };
      const report = await phone.content.mutate(mutation);
      phone.emit('changed');
      return { v: 1, type: 'sim_mutation', udid: phone.udid, ...report };
    }
    case 'tree':
      return phone.content.tree(phone.encryption !== undefined);
    case 'stats':
      return { v: 1, type: 'sim_stats', violations: phone.violations, devices: [phoneStats(phone)] };
    case 'lock':
      phone.lock = 'locked';
      break;
    case 'unlock':
      phone.lock = 'unlocked';
      break;
    case 'trust':
      phone.trust.answer(yes);
      break;
    case 'revoke':
      phone.forgetComputers();
      break;
    case 'passcode':
      if (!phone.passcode.answer(yes)) throw new IbkError('error', 'No passcode prompt is showing.');
      break;
    case 'unplug':
      phone.unplug();
      break;
    case 'plug':
      phone.plug();
      break;
    case 'cancel':
      phone.cancelBackup();
      break;
    case 'restart':
      await phone.restart();
      break;
    default:
      throw new IbkError('usage', `There is no command ${String(name)}.`);
  }
  return { v: 1, type: 'sim_done', udid: phone.udid, command: name };
}

function choose(phones: readonly SimulatedPhone[], udid: string | undefined): SimulatedPhone {
  const matching =
    udid === undefined ? phones : phones.filter((phone) => phone.udid.toLowerCase().startsWith(udid.toLowerCase()));
  const [only, ...others] = matching;
  const all = phones.map((phone) => phone.udid).join(', ');
  if (only === undefined) throw new IbkError('no_device', `No simulated phone matches ${udid}: ${all}.`);
  if (others.length > 0)
    throw new IbkError('ambiguous_device', `Several simulated phones: choose one with --udid: ${all}.`);
  return only;
}
