/** `ibk sim`: simulated iPhones until a signal ends them. */
import { readFile } from 'node:fs/promises';
import { parseSize } from '../config/values.js';
import { IbkError } from '../errors.js';
import type { IosId, Simulator, SimulatorOptions } from '../sim/index.js';
import { countOption, type SimStreams, wrongUse } from './sim-options.js';

export interface RunOptions {
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
}

export async function runSim(options: RunOptions, streams: SimStreams): Promise<void> {
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
      meaning: simulator.violations.slice(0, 20).join('; '),
      hint: 'Correct the client, or report it if the simulator is wrong.',
      reason: 'violations',
    },
  );
}

async function simulatorOptions(options: RunOptions): Promise<SimulatorOptions> {
  const { isIosId } = await import('../sim/index.js');
  const versions: IosId[] = (options.ios ?? '17').split(',').map((text) => {
    if (isIosId(text)) return text;
    throw wrongUse(`--ios ${text}`, 'It can be 9, 12, 15, 17 or 26.');
  });
  const devices = countOption('--devices', options.devices) ?? versions.length;
  if (devices < 1) throw wrongUse('--devices 0', 'At least one phone is needed.');
  const ios = Array.from({ length: devices }, (_, i) => versions[i % versions.length] ?? '17');
  const bytes = options.bytes === undefined ? undefined : parseSize(options.bytes);
  if (options.bytes !== undefined && bytes === undefined)
    throw wrongUse(`--bytes ${options.bytes}`, 'Write 50M or 50MiB.');
  const password = options.encryptedPasswordFile;
  return defined({
    listen: options.listen,
    ios: options.ios === undefined && options.devices === undefined ? undefined : ios,
    seed: countOption('--seed', options.seed),
    files: countOption('--files', options.files),
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
