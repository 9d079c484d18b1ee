import { deviceInfo } from '../operations/device-info.js';
import { nullSink } from '../events.js';
import { deviceDocument } from '../ui/documents.js';
import { infoLines } from '../ui/info-screen.js';
import { jsonLine } from '../ui/ndjson.js';
import { chooseDevices } from './choose-devices.js';
import { type CommandSpec, DEVICE_CODES } from './command.js';
import { operationContext } from './session.js';

export const infoCommand: CommandSpec = {
  help: {
    name: 'info',
    sentence: 'Everything about a connected device: storage, battery, encryption, last backup.',
    rows: [],
    examples: [
      ['ibk info', 'the connected iPhone'],
      ['ibk info -u "Anna\'s iPhone" --json', 'one of several, for scripts'],
    ],
    note: 'A device that does not trust this computer tells little: ibk pair. What a device does not tell is left out here and null in JSON.',
    codes: DEVICE_CODES,
  },
  options: [],
  run: async (session) => {
    const { config, terminal, clock } = session;
    const context = operationContext(session, nullSink);
    const devices = await chooseDevices(session, context, 'info');
    for (const [index, device] of devices.entries()) {
      const info = await deviceInfo(context, device, { root: config.root });
      if (config.json) terminal.out.write(jsonLine(deviceDocument(info)));
      else {
        if (index > 0) terminal.out.line();
        for (const line of infoLines(info, terminal.out, clock.now())) terminal.out.line(line);
      }
    }
    return 0;
  },
};
