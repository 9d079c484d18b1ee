import { IbkError } from '../errors.js';
import type { OperationEvent } from '../events.js';
import type { OperationContext } from '../operations/context.js';
import { pairDevice, validatePairing } from '../operations/pair.js';
import { presentDevices, type SelectedDevice } from '../operations/select-device.js';
import { dryRunDocument, pairDocument } from '../ui/documents.js';
import { choosing } from '../ui/device-words.js';
import { eventToJson, jsonLine } from '../ui/ndjson.js';
import { pairView } from '../ui/pair-view.js';
import { printable } from '../ui/text.js';
import { chooseDevices } from './choose-devices.js';
import { type CommandSpec, DEVICE_CODES, type OwnOptions } from './command.js';
import type { PairFiles } from './pair-files.js';
import { operationContext } from './session.js';

export const pairCommand: CommandSpec = {
  help: {
    name: 'pair',
    sentence: 'Make a device trust this computer. Its owner taps Trust and enters the passcode.',
    rows: [
      { flags: '--p12 FILE', words: 'as the organization that supervises it: nobody is asked' },
      { flags: '--export FILE', words: 'the pair record, to a new file that only you can read' },
      { flags: '--import FILE', words: 'one from another computer; the device has to know it' },
    ],
    examples: [
      ['ibk pair', 'the connected iPhone'],
      ['ibk pair -u "iPad mini" --passcode-timeout 2m', 'one of several'],
      ['ibk pair --p12 org.p12 --password-file pw -u all', 'supervised devices'],
      ['ibk pair --export phone.plist', 'for another computer'],
    ],
    note: 'The first pairing needs the cable; the device must be unlocked. ibk backup pairs by itself if it has to. What is trusted stays so until it is undone: ibk unpair. A pair record is a secret: whoever has it can read the device without asking. An identity is what Apple Configurator exports; its password is asked for, or comes as that of a backup.',
    codes: [...DEVICE_CODES, 'password', 'destination', 'device_precondition'],
  },
  options: ['--p12 <FILE>', '--export <FILE>', '--import <FILE>'],
  run: async (session, options) => {
    const { config, terminal, clock } = session;
    const wanted = wantedFiles(options);
    if (wanted.export !== undefined || wanted.import !== undefined)
      return (await import('./pair-files.js')).runPairFiles(session, wanted);
    const identity =
      wanted.p12 === undefined
        ? undefined
        : await (await import('./pair-identity.js')).supervisionIdentity(session, wanted.p12);
    const { out, err } = terminal;
    let onEvent: (event: OperationEvent) => void = () => undefined;
    const context = operationContext(session, (event) => onEvent(event));
    const devices = await chooseDevices(session, context, 'pair');
    const among = (await presentDevices(context, 'any')).length;
    for (const device of devices) {
      if (config.dryRun) {
        const trusts = await isTrusted(context, device);
        const words = trusts ? 'NAME trusts this computer already' : 'Would ask NAME to trust this computer';
        if (config.json) out.write(jsonLine(dryRunDocument('pair', device)));
        else out.line(`${words.replace('NAME', () => printable(device.name))}. Nothing was changed.`);
        continue;
      }
      const view = pairView(err, clock, device.productType, config.quiet || config.json);
      onEvent = (event) => {
        if (config.progress === 'json') err.write(jsonLine(eventToJson(event, new Date(clock.now()))));
        else view.onEvent(event);
      };
      const result = await pairDevice(context, device, { identity }).finally(() => view.close());
      const { name } = result.facts;
      if (config.json) out.write(jsonLine(pairDocument({ udid: result.udid, name }, result.wasPaired)));
      else if (!config.quiet) {
        const already = result.wasPaired ? ' already' : '';
        const trusts = out.style.done(`${out.glyphs.ok} ${printable(name)} trusts this computer${already}.`);
        err.line(`${trusts} Next: ibk backup${choosing(name, among)}`);
      }
    }
    return 0;
  },
};

/** @throws IbkError `usage` for two of them */
function wantedFiles(options: OwnOptions): PairFiles {
  const path = (name: string) => (typeof options[name] === 'string' ? options[name] : undefined);
  const wanted = { p12: path('p12'), export: path('export'), import: path('import') };
  const [one, two] = Object.entries(wanted).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`]));
  if (two === undefined) return wanted;
  throw new IbkError('usage', `${one} and ${two} are two things.`, { hint: 'Give one of them.' });
}

async function isTrusted(context: OperationContext, device: SelectedDevice): Promise<boolean> {
  try {
    await validatePairing(context, device);
    return true;
  } catch (error) {
    if (error instanceof IbkError && error.code === 'not_paired') return false;
    throw error;
  }
}
