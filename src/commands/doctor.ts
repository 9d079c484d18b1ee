import { nullSink } from '../events.js';
import { doctor } from '../operations/doctor.js';
import { doctorDocument } from '../ui/documents.js';
import { doctorLines } from '../ui/doctor-screen.js';
import { jsonLine } from '../ui/ndjson.js';
import { displayPath } from '../ui/paths.js';
import { type CommandSpec, DEVICE_CODES } from './command.js';
import { writeBundle } from './doctor-bundle.js';
import { operationContext } from './session.js';

export const doctorCommand: CommandSpec = {
  help: {
    name: 'doctor',
    sentence: 'What a backup needs, checked in the order of repair: usbmuxd, the device, trust, the backup root.',
    rows: [
      { flags: '--bundle FILE', words: 'write a redacted report for a bug report' },
      { flags: '--rebuild', words: 'make a lost record of the versions anew; deletes nothing' },
    ],
    examples: [
      ['ibk doctor', 'what is wrong, what to do'],
      ['ibk doctor --bundle ibk-report.json', 'to send along with a bug report'],
    ],
    note: 'Without --rebuild it changes nothing, and it asks nobody. A bundle holds no names, identifiers or secrets, but look at it before you send it.',
    codes: [...DEVICE_CODES, 'destination', 'device_busy'],
  },
  options: ['--bundle <FILE>', '--rebuild'],
  toleratesConfigProblems: true,
  run: async (session, { bundle, rebuild }) => {
    const { config, terminal } = session;
    const { configFile } = config;
    const file = displayPath(configFile.path, terminal.home);
    const configProblems = configFile.problems.map(({ message, hint }) => ({ message: `${file}, ${message}`, hint }));
    const options = { udids: config.udids, link: config.link, root: config.root, configProblems };
    if (typeof bundle === 'string') return writeBundle(bundle, session, options);
    const wanted = { ...options, rebuild: rebuild === true && !config.dryRun };
    const report = await doctor(operationContext(session, nullSink), wanted);
    if (config.json) terminal.out.write(jsonLine(doctorDocument(report)));
    else for (const line of doctorLines(report, terminal.out)) terminal.out.line(line);
    return report.exit;
  },
};
