import type { OperationEvent } from '../events.js';
import { IbkError } from '../errors.js';
import { setCloudBackup } from '../operations/cloud-backup.js';
import { cloudDocument, dryRunDocument } from '../ui/documents.js';
import { eventToJson, jsonLine } from '../ui/ndjson.js';
import { passcodeView } from '../ui/pair-view.js';
import { shellWord } from '../ui/paths.js';
import { confirm } from '../ui/prompt.js';
import { printable } from '../ui/text.js';
import { chooseDevices } from './choose-devices.js';
import { type CommandSpec, DEVICE_CODES } from './command.js';
import { operationContext, type Session } from './session.js';

export const cloudCommand: CommandSpec = {
  help: {
    name: 'cloud',
    sentence: 'Turn the iCloud backup of a device on or off. Asks first.',
    rows: [
      { flags: 'on', words: "it backs itself up to its owner's iCloud, too" },
      { flags: 'off', words: 'it stops; what lies in iCloud is not touched by ibk' },
    ],
    examples: [
      ['ibk cloud off', 'the connected iPhone'],
      ['ibk cloud off -u all --yes', 'every device, for scripts'],
    ],
    note: 'ibk info -v tells whether it is on. Backups with ibk do not need it, and are not changed by it. Apple keeps an iCloud backup for a time after it was turned off.',
    codes: [...DEVICE_CODES, 'device_precondition', 'device_busy', 'cancelled'],
  },
  mostArguments: 1,
  options: [],
  run: async (session, _options, [what]) => {
    if (what === 'on' || what === 'off') return change(session, what);
    throw new IbkError(
      'usage',
      what === undefined ? 'ibk cloud does nothing by itself.' : `ibk cloud has no "${what}".`,
      { hint: 'ibk cloud on, or ibk cloud off' },
    );
  },
};

async function change(session: Session, what: 'on' | 'off'): Promise<number> {
  const { config, terminal, clock } = session;
  const { out, err } = terminal;
  let onEvent: (event: OperationEvent) => void = () => undefined;
  const context = operationContext(session, (event) => onEvent(event));
  for (const device of await chooseDevices(session, context, `cloud ${what}`)) {
    const name = printable(device.name);
    if (config.dryRun) {
      if (config.json) out.write(jsonLine(dryRunDocument(`cloud ${what}`, device)));
      else out.line(`Would turn ${what} the iCloud backup of ${name}. Nothing was changed.`);
      continue;
    }
    if (!(await isMeant(session, device.name, what))) {
      err.line('Nothing was changed.');
      continue;
    }
    const view = passcodeView(err, clock, device.productType, config.quiet || config.json);
    onEvent = (event) => {
      if (config.progress === 'json') err.write(jsonLine(eventToJson(event, new Date(clock.now()))));
      else view.onEvent(event);
    };
    const status = await setCloudBackup(context, device, what === 'on').finally(() => view.close());
    if (config.json) out.write(jsonLine(cloudDocument(status)));
    else if (!config.quiet)
      err.line(
        err.style.done(`${err.glyphs.ok} The iCloud backup of ${printable(status.name)} is ${what} from now on.`),
      );
  }
  return 0;
}

async function isMeant({ config, terminal, signal }: Session, name: string, what: 'on' | 'off'): Promise<boolean> {
  if (config.yes) return true;
  const { json, noInput } = config;
  const answeredBy = `ibk cloud ${what} -u ${shellWord(name)} --yes`;
  const question = `Turn ${what} the iCloud backup of ${printable(name)}?`;
  return confirm(question, answeredBy, { terminal, json, noInput, signal });
}
