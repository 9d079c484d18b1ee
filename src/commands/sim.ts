/** `ibk sim` and `ibk sim ctl` on the command line: options, help, mistakes. The work is in sim-run.ts and sim-ctl.ts. */
import { Command, type CommanderError } from 'commander';
import { IbkError } from '../errors.js';
import { type CommandHelp, commandHelp } from '../ui/help.js';
import { type CtlOptions, runCtl } from './sim-ctl.js';
import { processStreams, type SimStreams } from './sim-options.js';
import { type RunOptions, runSim } from './sim-run.js';

const SIM_HELP: CommandHelp = {
  name: 'sim',
  sentence: 'Simulate iPhones, to try ibk or any other client of usbmuxd without one.',
  rows: [
    { flags: '--listen ADDR', words: 'UNIX:/path or 127.0.0.1:PORT  [private socket]' },
    { flags: '--ios V', words: '9, 12, 15, 17 or 26; several: 9,26  [17]' },
    { flags: '--devices N', words: 'how many phones  [1]' },
    { flags: '--files N, --bytes SIZE', words: 'what is on each  [500, 50M]' },
    { flags: '--seed N', words: 'contents, keys and names follow from it  [1]' },
    { flags: '--content DIR', words: 'files from DIR/<Domain>/<path> instead' },
    { flags: '--encrypted-password-file F', words: 'backups are encrypted with this password' },
    { flags: '--state DIR', words: 'keep the phones there between runs' },
    { flags: '--scenario NAME', words: 'a behaviour or fault; repeat' },
    { flags: '--list-scenarios', words: 'what --scenario knows' },
    { flags: '--replay FILE', words: 'the phone of a trace: ibk backup --trace FILE' },
    { flags: '-q', words: 'no hints' },
  ],
  examples: [
    ['ibk sim --listen UNIX:/tmp/phone.sock', 'until Ctrl-C'],
    ['ibk sim --ios 9,26 --scenario trust-pending=5', 'two, slow to trust'],
    ['ibk sim ctl mutate --add 3 --change 2', 'ibk sim ctl --help'],
  ],
  note: 'Clients find it with USBMUXD_SOCKET_ADDRESS=ADDR. It is strict: at the end it names what a real iPhone would not have accepted, and exits with 1.',
  codes: ['in_use', 'damaged', 'destination'],
};

const CTL_HELP: CommandHelp = {
  name: 'ctl',
  sentence: 'Do something to a running ibk sim, or ask it something. Prints JSON.',
  rows: [
    { flags: 'mutate', words: '--add N --change N --remove N --rename N files' },
    { flags: 'tree', words: 'every file: sha256, size, mode, mtime' },
    { flags: 'stats', words: 'what it has seen, and what it would not accept' },
    { flags: 'lock, unlock', words: 'the screen' },
    { flags: 'trust', words: 'answer the dialog: --accept or --refuse' },
    { flags: 'passcode', words: 'answer the prompt: --enter or --refuse' },
    { flags: 'revoke', words: 'forget all computers' },
    { flags: 'unplug, plug', words: 'the cable' },
    { flags: 'cancel', words: 'stop the running backup at the phone' },
    { flags: '--listen ADDR', words: 'where it listens  [USBMUXD_SOCKET_ADDRESS]' },
    { flags: '--udid U', words: 'which phone, if there are several' },
  ],
  examples: [
    ['ibk sim ctl mutate --add 3 --remove 1', 'then back up again'],
    ['ibk sim ctl trust --accept', 'scenario trust-manual'],
  ],
  note: 'A command without a dialog or prompt to answer says so; trust may be answered beforehand.',
  codes: ['usbmuxd'],
};

export function simCommand(streams: SimStreams = processStreams()): Command {
  const sim = plain(new Command('sim'))
    .enablePositionalOptions()
    .option('--listen <ADDR>')
    .option('--ios <V>')
    .option('--devices <N>')
    .option('--files <N>')
    .option('--bytes <SIZE>')
    .option('--seed <N>')
    .option('--content <DIR>')
    .option('--encrypted-password-file <F>')
    .option('--state <DIR>')
    .option('--scenario <NAME>', '', (name: string, all: string[] = []) => [...all, name])
    .option('--list-scenarios')
    .option('--replay <FILE>')
    .option('-q, --quiet')
    .action((options: RunOptions & Help) => (options.help ? print(SIM_HELP, streams) : runSim(options, streams)));
  const ctl = plain(sim.command('ctl'))
    .argument('[COMMAND]')
    .option('--listen <ADDR>')
    .option('--udid <U>')
    .option('--accept')
    .option('--enter')
    .option('--refuse');
  for (const what of ['add', 'change', 'remove', 'rename']) ctl.option(`--${what} <N>`);
  ctl.action((command: string | undefined, options: CtlOptions & Help) =>
    options.help ? print(CTL_HELP, streams) : runCtl(command, options, streams),
  );
  return sim;
}

interface Help {
  readonly help?: boolean;
}

function print(help: CommandHelp, streams: SimStreams): void {
  streams.stdout.write(`${commandHelp(help).join('\n')}\n`);
}

/** Nothing of commander's own is shown: mistakes become our errors. */
function plain(command: Command): Command {
  return command
    .helpOption(false)
    .helpCommand(false)
    .option('-h, --help')
    .configureOutput({ writeOut: () => {}, writeErr: () => {} })
    .exitOverride((error: CommanderError) => {
      const words = error.message
        .replace(/^error: /, '')
        .replace(/\n\(?(.*?)\)?$/, '. $1')
        .replace(/'/g, '"');
      throw new IbkError(
        'usage',
        `${words.replace(/^./, (first) => first.toUpperCase()).replace(/[.?]?$/, (end) => end || '.')}`,
        {
          hint: 'ibk sim --help',
        },
      );
    });
}
