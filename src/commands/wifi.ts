import { nullSink } from '../events.js';
import { IbkError } from '../errors.js';
import type { WifiStatus } from '../operations/results.js';
import type { SelectedDevice } from '../operations/select-device.js';
import { setWifi, wifiStatus } from '../operations/wifi.js';
import { dryRunDocument, wifiDocument } from '../ui/documents.js';
import { jsonLine } from '../ui/ndjson.js';
import { confirm } from '../ui/prompt.js';
import { printable } from '../ui/text.js';
import { chooseDevices } from './choose-devices.js';
import { type CommandSpec, DEVICE_CODES } from './command.js';
import { operationContext, type Session } from './session.js';
import { shellWord } from '../ui/paths.js';

export const wifiCommand: CommandSpec = {
  help: {
    name: 'wifi',
    sentence:
      'May this computer reach a device over Wi-Fi? It is a setting of the device, for all computers it trusts.',
    rows: [
      { flags: 'status', words: 'is it on' },
      { flags: 'on', words: 'reachable without the cable, once it is trusted' },
      { flags: 'off', words: 'by cable only; asks when there is no cable in' },
    ],
    examples: [
      ['ibk wifi status', 'the connected iPhone'],
      ['ibk wifi on -u all', 'every device'],
    ],
    note: 'A usbmuxd that finds devices on the network has to run on this computer: those of macOS and Windows do, stock Linux usbmuxd does not. Finder calls this "Show this iPhone when on Wi-Fi".',
    codes: [...DEVICE_CODES, 'device_precondition'],
  },
  mostArguments: 1,
  options: [],
  run: async (session, _options, [what]) => {
    if (what === 'status') return tellStatus(session);
    if (what === 'on' || what === 'off') return change(session, what);
    throw new IbkError(
      'usage',
      what === undefined ? 'ibk wifi does nothing by itself.' : `ibk wifi has no "${what}".`,
      {
        hint: 'ibk wifi status',
      },
    );
  },
};

async function tellStatus(session: Session): Promise<number> {
  const { config, terminal } = session;
  const context = operationContext(session, nullSink);
  for (const device of await chooseDevices(session, context, 'wifi status')) {
    const status = await wifiStatus(context, device);
    if (config.json) terminal.out.write(jsonLine(wifiDocument(status)));
    else terminal.out.line(`${printable(status.name)}: ${status.enabled ? 'can be' : 'cannot be'} reached over Wi-Fi.`);
  }
  return 0;
}

async function change(session: Session, what: 'on' | 'off'): Promise<number> {
  const { config, terminal } = session;
  const { out, err } = terminal;
  const context = operationContext(session, nullSink);
  for (const device of await chooseDevices(session, context, `wifi ${what}`)) {
    const name = printable(device.name);
    if (config.dryRun) {
      if (config.json) out.write(jsonLine(dryRunDocument(`wifi ${what}`, device)));
      else out.line(`Would turn ${what} Wi-Fi connections of ${name}. Nothing was changed.`);
      continue;
    }
    if (what === 'off' && !(await confirmCutOff(session, device))) {
      err.line('Nothing was changed.');
      continue;
    }
    const status = await setWifi(context, device, what === 'on');
    if (config.json) out.write(jsonLine(wifiDocument(status)));
    else if (!config.quiet)
      for (const line of changedLines(status)) err.line(err.style.done(`${err.glyphs.ok} ${line}`));
  }
  return 0;
}

/** Over Wi-Fi it is the last thing that can be done without the cable. */
async function confirmCutOff({ config, terminal, signal }: Session, device: SelectedDevice): Promise<boolean> {
  if (device.links.includes('usb') || config.yes) return true;
  const { json, noInput } = config;
  const question = `Turn off Wi-Fi connections of ${printable(device.name)}? Without the cable it cannot be reached then.`;
  const answeredBy = `ibk wifi off -u ${shellWord(device.name)} --yes`;
  return confirm(question, answeredBy, { terminal, json, noInput, signal });
}

function changedLines({ name, enabled }: WifiStatus): string[] {
  return [`${printable(name)} ${enabled ? 'can' : 'cannot'} be reached over Wi-Fi from now on.`];
}
