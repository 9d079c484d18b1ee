import { nullSink } from '../events.js';
import { unpairDevice } from '../operations/pair.js';
import { dryRunDocument, unpairDocument } from '../ui/documents.js';
import { jsonLine } from '../ui/ndjson.js';
import { shellWord } from '../ui/paths.js';
import { confirm } from '../ui/prompt.js';
import type { Screen } from '../ui/terminal.js';
import { printable } from '../ui/text.js';
import { chooseDevices } from './choose-devices.js';
import { type CommandSpec, DEVICE_CODES } from './command.js';
import { operationContext } from './session.js';

export const unpairCommand: CommandSpec = {
  help: {
    name: 'unpair',
    sentence: 'Make a device and this computer forget each other. Asks first.',
    rows: [],
    examples: [
      ['ibk unpair -u "Anna\'s iPhone"', 'asks, then forgets'],
      ['ibk unpair -u all --yes', 'every device, for scripts'],
    ],
    note: 'Backups stay as they are. To back the device up again from this computer it has to trust it again, with its passcode: ibk pair.',
    codes: DEVICE_CODES,
  },
  options: [],
  run: async (session) => {
    const { config, terminal, signal } = session;
    const { out, err } = terminal;
    const context = operationContext(session, nullSink);
    const devices = await chooseDevices(session, context, 'unpair');
    for (const device of devices) {
      const name = printable(device.name);
      if (config.dryRun) {
        if (config.json) out.write(jsonLine(dryRunDocument('unpair', device)));
        else out.line(`Would make ${name} and this computer forget each other. Nothing was changed.`);
        continue;
      }
      if (!config.yes) {
        const question = `Make ${name} and this computer forget each other?`;
        const answeredBy = `ibk unpair -u ${shellWord(device.name)} --yes`;
        const yes = await confirm(question, answeredBy, {
          terminal,
          json: config.json,
          noInput: config.noInput,
          signal,
        });
        if (!yes) {
          err.line('Nothing was changed.');
          continue;
        }
      }
      const { onDevice, onComputer } = await unpairDevice(context, device);
      if (config.json) out.write(jsonLine(unpairDocument(device)));
      else if (!config.quiet) err.line(unpairedWords(name, onDevice, onComputer, err));
    }
    return 0;
  },
};

/** Each side may have forgotten before; what this run did is said, no more. */
function unpairedWords(name: string, onDevice: boolean, onComputer: boolean, { glyphs, style }: Screen): string {
  if (onDevice && onComputer) return style.done(`${glyphs.ok} ${name} and this computer have forgotten each other.`);
  if (onDevice) return style.done(`${glyphs.ok} ${name} has forgotten this computer.`);
  if (onComputer) return style.done(`${glyphs.ok} This computer has forgotten ${name}.`);
  return `${name} and this computer did not know each other. Nothing was changed.`;
}
