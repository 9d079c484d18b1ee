import { IbkError } from '../errors.js';
import { nullSink } from '../events.js';
import { listDevices, watchDevices } from '../operations/devices.js';
import { deviceChangeLine, devicesDocument } from '../ui/documents.js';
import { devicesAdvice, devicesTable, noDevicesLines, watchLine } from '../ui/devices-screen.js';
import { jsonLine } from '../ui/ndjson.js';
import { chooseDevices } from './choose-devices.js';
import type { CommandSpec } from './command.js';
import { operationContext, type Session } from './session.js';

export const devicesCommand: CommandSpec = {
  help: {
    name: 'devices',
    sentence: 'The iPhones and iPads that are connected, and what each needs before it can be backed up.',
    rows: [{ flags: '--watch', words: 'tell of each that comes or goes, until Ctrl-C' }],
    examples: [
      ['ibk devices', 'who is there'],
      ['ibk devices --watch', 'and who comes and goes'],
      ['ibk devices --json | jq -r .devices[].udid', 'for scripts'],
    ],
    note: 'No device is an answer, not a failure (exit 0), unless --wait was given. A device that is not listed: another cable, unlock it, then ibk doctor.',
    codes: ['no_device', 'timeout', 'usbmuxd', 'interrupted'],
  },
  options: ['--watch'],
  run: async (session, options) => (options.watch === true ? watch(session) : list(session)),
};

async function list(session: Session): Promise<number> {
  const { config, terminal, clock } = session;
  const context = operationContext(session, nullSink);
  const chosen = config.udids.length === 0 ? undefined : await chooseDevices(session, context, 'devices');
  const all = await listDevices(context, { root: config.root, link: config.link });
  const devices = all.filter(({ udid }) => chosen === undefined || chosen.some((each) => each.udid === udid));
  if (config.json) {
    terminal.out.write(jsonLine(devicesDocument(devices)));
    return 0;
  }
  const view = { nowMs: clock.now(), verbose: config.verbose };
  const lines = devices.length === 0 ? noDevicesLines(terminal.out) : devicesTable(devices, terminal.out, view);
  for (const line of lines) terminal.out.line(line);
  if (!config.quiet) for (const line of devicesAdvice(devices, terminal.err)) terminal.err.line(line);
  return 0;
}

/** Ends only when the run is stopped, or the muxer goes away. */
async function watch(session: Session): Promise<number> {
  const { config, terminal, clock } = session;
  const context = operationContext(session, nullSink);
  try {
    for await (const { change, device } of watchDevices(context, { root: config.root, link: config.link })) {
      const now = new Date(clock.now());
      if (config.json) terminal.out.write(jsonLine(deviceChangeLine(change, device, now)));
      else terminal.out.line(watchLine(change, device, now, terminal.out));
    }
    return 0;
  } catch (error) {
    // Ctrl-C is how one leaves: no error text, but the exit status of every stopped command.
    if (session.signal.aborted && error instanceof IbkError) return error.exit;
    throw error;
  }
}
