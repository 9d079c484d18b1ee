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
import { type CommandSpec, DEVICE_CODES } from './command.js';
import { operationContext } from './session.js';

export const pairCommand: CommandSpec = {
  help: {
    name: 'pair',
    sentence: 'Make a device trust this computer. Its owner taps Trust and enters the passcode.',
    rows: [],
    examples: [
      ['ibk pair', 'the connected iPhone'],
      ['ibk pair -u "iPad mini" --passcode-timeout 2m', 'one of several'],
    ],
    note: 'The first pairing needs the cable; the device must be unlocked. ibk backup pairs by itself if it has to. What is trusted stays so until it is undone: ibk unpair.',
    codes: [...DEVICE_CODES, 'device_precondition'],
  },
  options: [],
  run: async (session) => {
    const { config, terminal, clock } = session;
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
      const result = await pairDevice(context, device).finally(() => view.close());
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

async function isTrusted(context: OperationContext, device: SelectedDevice): Promise<boolean> {
  try {
    await validatePairing(context, device);
    return true;
  } catch (error) {
    if (error instanceof IbkError && error.code === 'not_paired') return false;
    throw error;
  }
}
