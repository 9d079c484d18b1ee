import { deviceInfo } from '../operations/device-info.js';
import { nullSink } from '../events.js';
import { deviceDocument } from '../ui/documents.js';
import { infoLines } from '../ui/info-screen.js';
import { jsonLine } from '../ui/ndjson.js';
import { chooseDevices } from './choose-devices.js';
import { type CommandSpec, DEVICE_CODES, DEVICE_SIDE_ROW } from './command.js';
import { operationContext, type Session } from './session.js';

export const infoCommand: CommandSpec = {
  help: {
    name: 'info',
    sentence:
      'Everything about a connected device: storage, battery, encryption, last backup; with BACKUP, about that backup.',
    rows: [
      { flags: 'BACKUP', words: 'latest, latest~2, @2026-11-01, an id, device or path' },
      { flags: '--missing', words: 'of BACKUP: files not sent by the device, or not there' },
      DEVICE_SIDE_ROW,
    ],
    examples: [
      ['ibk info', 'the connected iPhone'],
      ['ibk info -u "Anna\'s iPhone" --json', 'one of several, for scripts'],
      ['ibk info latest', 'the newest backup'],
      ['ibk info latest -u "Anna\'s iPhone"', 'of one device'],
    ],
    note: 'A device that does not trust this computer tells little: ibk pair. What a device does not tell is left out here and null in JSON. About a backup no device and nobody is asked: without a password at hand, files and sizes of an encrypted one are those of its folder.',
    codes: ['not_found', 'password', 'destination', ...DEVICE_CODES],
  },
  mostArguments: 1,
  options: ['--missing', '--device-side'],
  run: async (session, options, [word]) => {
    if (options['deviceSide'] === true)
      return (await import('./phone-side.js')).runPhoneSide(session, 'Info', word === undefined ? [] : [word]);
    const missing = options['missing'] === true;
    if (word !== undefined || missing) {
      const { infoOfBackup } = await import('./info-backup.js');
      return infoOfBackup(session, word, missing);
    }
    return infoOfDevices(session);
  },
};

async function infoOfDevices(session: Session): Promise<number> {
  const { config, terminal, clock } = session;
  const context = operationContext(session, nullSink);
  const devices = await chooseDevices(session, context, 'info');
  for (const [index, device] of devices.entries()) {
    const info = await deviceInfo(context, device, { root: config.root });
    if (config.json) terminal.out.write(jsonLine(deviceDocument(info)));
    else {
      if (index > 0) terminal.out.line();
      for (const line of infoLines(info, terminal.out, clock.now(), config.verbose)) terminal.out.line(line);
    }
  }
  return 0;
}
