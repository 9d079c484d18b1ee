/** `ibk sim`: simulated iPhones until a signal ends them; `ibk sim ctl`: what to do to running ones. */
import { readFile } from 'node:fs/promises';
import { Command, type CommanderError, Option } from 'commander';
import { parseCount, parseSize } from '../config/values.js';
import { IbkError } from '../errors.js';
import type { ControlCommand, IosId, Simulator, SimulatorOptions } from '../sim/index.js';

/** The parts of a process that the command touches. */
export interface SimStreams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves when SIGINT or SIGTERM arrives. */
  ended(): Promise<void>;
}

interface RunOptions {
  readonly listen?: string;
  readonly ios?: string;
  readonly devices?: string;
  readonly files?: string;
  readonly bytes?: string;
  readonly seed?: string;
  readonly content?: string;
  readonly encryptedPasswordFile?: string;
  readonly state?: string;
  readonly scenario?: readonly string[];
  readonly replay?: string;
  readonly listScenarios?: boolean;
  readonly quiet?: boolean;
  readonly help?: boolean;
}

interface CtlOptions {
  readonly listen?: string;
  readonly udid?: string;
  readonly add?: string;
  readonly change?: string;
  readonly remove?: string;
  readonly rename?: string;
  readonly accept?: boolean;
  readonly enter?: boolean;
  readonly refuse?: boolean;
  readonly help?: boolean;
}

const EXAMPLES = `
Examples
  ibk sim --listen UNIX:/tmp/phone.sock                one iPhone with iOS 17
  ibk sim --ios 9,26 --scenario trust-pending=5        two, slow to be trusted
  ibk sim ctl mutate --add 3 --listen UNIX:/tmp/phone.sock
Any client of usbmuxd finds it:
  export USBMUXD_SOCKET_ADDRESS=UNIX:/tmp/phone.sock
Exit 1 at the end if a client did what a real iPhone would not have accepted.`;

export function simCommand(streams: SimStreams = processStreams()): Command {
  const sim = plain(new Command('sim'), streams)
    .description('Simulate iPhones, for trying out and for tests.')
    .enablePositionalOptions()
    .option('--listen <ADDR>', 'UNIX:/path or 127.0.0.1:PORT (0: any); default: a private socket')
    .option('--ios <V>', 'iOS 9, 12, 15, 17 or 26; several: 9,26 (default: 17)')
    .option('--devices <N>', 'how many phones (default: 1)')
    .option('--files <N>', 'files on each (default: 500)')
    .option('--bytes <SIZE>', 'their size together (default: 50M)')
    .option('--seed <N>', 'contents, keys and identifiers follow from it (default: 1)')
    .option('--content <DIR>', 'files from DIR/<Domain>/<path> instead')
    .option('--encrypted-password-file <F>', 'backups are encrypted with this password')
    .option('--state <DIR>', 'keep the phones there between runs')
    .option('--scenario <NAME>', 'a behaviour or fault; repeat', (name: string, all: string[] = []) => [...all, name])
    .option('--replay <FILE>', 'play the phone of a trace: ibk backup --trace FILE')
    .option('--list-scenarios', 'print what --scenario knows')
    .option('-q, --quiet', 'no hints')
    .addHelpText('after', EXAMPLES)
    .action((options: RunOptions) => (options.help ? sim.outputHelp() : runSim(options, streams)));
  const ctl = plain(sim.command('ctl'), streams)
    .description('Do something to a running simulator, or ask it. Prints JSON.')
    .argument('[COMMAND]', 'mutate tree stats lock unlock trust revoke passcode unplug plug cancel')
    .option('--listen <ADDR>', 'where it listens (default: USBMUXD_SOCKET_ADDRESS)')
    .option('--udid <U>', 'which phone, if it simulates several')
    .option('--accept', 'trust: tap Trust')
    .option('--enter', 'passcode: enter it')
    .option('--refuse', "trust, passcode: tap Don't Trust, or Cancel");
  for (const what of ['add', 'change', 'remove', 'rename']) ctl.option(`--${what} <N>`, `mutate: ${what} N files`);
  ctl.action((command: string | undefined, options: CtlOptions) =>
    options.help ? ctl.outputHelp() : runCtl(command, options, streams),
  );
  return sim;
}

async function runSim(options: RunOptions, streams: SimStreams): Promise<void> {
  const { describeScenarios, startSimulator } = await import('../sim/index.js');
  if (options.listScenarios) {
    streams.stdout.write(`${describeScenarios()}\n`);
    return;
  }
  const ended = streams.ended();
  const hint = (text: string) => (options.quiet ? undefined : streams.stderr.write(`${text}\n`));
  const simulator = await startSimulator({
    ...(await simulatorOptions(options)),
    onViolation: (text) => streams.stderr.write(`! A real iPhone would not accept: ${text}\n`),
  });
  try {
    streams.stdout.write(`${JSON.stringify(readyLine(simulator))}\n`);
    hint(readyHint(simulator));
    await ended;
  } finally {
    await simulator.close();
  }
  if (simulator.violations.length === 0) return;
  throw new IbkError(
    'error',
    `A real iPhone would not have accepted ${simulator.violations.length} of the things seen.`,
    {
      meaning: simulator.violations.slice(0, 20).join('\n'),
      hint: 'Correct the client, or report it if the simulator is wrong.',
      reason: 'violations',
    },
  );
}

async function simulatorOptions(options: RunOptions): Promise<SimulatorOptions> {
  const { isIosId } = await import('../sim/index.js');
  const versions: IosId[] = (options.ios ?? '17').split(',').map((text) => {
    if (isIosId(text)) return text;
    throw wrong(`--ios ${text}`, 'It can be 9, 12, 15, 17 or 26.');
  });
  const devices = number('--devices', options.devices) ?? versions.length;
  if (devices < 1) throw wrong('--devices 0', 'At least one phone is needed.');
  const ios = Array.from({ length: devices }, (_, i) => versions[i % versions.length] ?? '17');
  const bytes = options.bytes === undefined ? undefined : parseSize(options.bytes);
  if (options.bytes !== undefined && bytes === undefined)
    throw wrong(`--bytes ${options.bytes}`, 'Write 50M or 50MiB.');
  const password = options.encryptedPasswordFile;
  return defined({
    listen: options.listen,
    ios: options.ios === undefined && options.devices === undefined ? undefined : ios,
    seed: number('--seed', options.seed),
    files: number('--files', options.files),
    bytes,
    contentFolder: options.content,
    encryption: password === undefined ? undefined : { password: await readPassword(password) },
    stateFolder: options.state,
    replayTrace: options.replay,
    scenarios: options.scenario,
  });
}

/** Without the keys whose value is undefined. */
function defined<T extends object>(options: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

async function readPassword(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new IbkError('usage', `The password file ${path} cannot be read: ${cause.message}.`, { cause });
  });
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw new IbkError('usage', `The password file ${path} is empty.`);
  return password;
}

function readyLine({ listen, phones }: Simulator) {
  const devices = phones.map((phone) => ({ udid: phone.udid, name: phone.identity.name, ios: phone.productVersion }));
  return { v: 1, type: 'ready', listen, devices };
}

function readyHint({ listen, phones }: Simulator): string {
  const one = phones.length === 1;
  const first = one ? 'A simulated iPhone is ready.' : `${phones.length} simulated iPhones are ready.`;
  const line = one ? 'ibk pair && ibk backup && ibk list' : 'ibk backup -u all && ibk list';
  return [
    `${first} In another terminal:`,
    `  export USBMUXD_SOCKET_ADDRESS=${listen} IBK_OUT=/tmp/ibk-try`,
    `  ${line.padEnd(47)}Ctrl-C here ends it`,
  ].join('\n');
}

async function runCtl(command: string | undefined, options: CtlOptions, streams: SimStreams): Promise<void> {
  const { CONTROL_COMMANDS, controlSimulator } = await import('../sim/index.js');
  const known = CONTROL_COMMANDS.find((candidate): candidate is ControlCommand => candidate === command);
  if (known === undefined) throw wrong(`ctl ${command ?? ''}`.trim(), `It can be: ${CONTROL_COMMANDS.join(', ')}.`);
  const listen = options.listen ?? streams.env.USBMUXD_SOCKET_ADDRESS;
  if (listen === undefined || listen === '') throw wrong('ctl', 'Say where the simulator listens: --listen ADDR.');
  const accepted = options.accept ?? options.enter ?? false;
  if ((known === 'trust' || known === 'passcode') && accepted === (options.refuse ?? false)) {
    throw wrong(`ctl ${known}`, `Say ${known === 'trust' ? '--accept' : '--enter'} or --refuse.`);
  }
  const answer = await controlSimulator(listen, known, {
    UDID: options.udid,
    Accept: accepted,
    Add: number('--add', options.add),
    Change: number('--change', options.change),
    Remove: number('--remove', options.remove),
    Rename: number('--rename', options.rename),
  });
  streams.stdout.write(`${answer}\n`);
}

function number(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = parseCount(text);
  if (value === undefined) throw wrong(`${option} ${text}`, 'It needs a whole number, at most 1,000,000.');
  return value;
}

function wrong(what: string, why: string): IbkError {
  return new IbkError('usage', `ibk sim ${what} is not understood. ${why}`, { hint: 'ibk sim --help' });
}

/** Mistakes in the arguments become our own errors; help goes to stdout. */
function plain(command: Command, streams: SimStreams): Command {
  return command
    .helpOption(false)
    .helpCommand(false)
    .addOption(new Option('-h, --help', 'this text'))
    .configureOutput({ writeOut: (text) => void streams.stdout.write(text), writeErr: () => {} })
    .exitOverride((error: CommanderError) => {
      throw new IbkError('usage', `${error.message.replace(/^error: /, '').replace(/^./, (c) => c.toUpperCase())}.`, {
        hint: 'ibk sim --help',
      });
    });
}

function processStreams(): SimStreams {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    ended: () =>
      new Promise((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
      }),
  };
}
