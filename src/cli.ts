/**
 * The program: arguments in, exit status out. Here alone stand the signals, the one AbortController, and the way from an error
 * to text or JSON and to the exit status.
 */
import { setMaxListeners } from 'node:events';
import { homedir, userInfo } from 'node:os';
import { isAbsolute } from 'node:path';
import { commandsNamed } from './commands/all.js';
import { closedOutput } from './commands/closed-output.js';
import { readArguments, type Request, versionLine } from './commands/program.js';
import { SavedPasswords } from './commands/saved-passwords.js';
import type { Session } from './commands/session.js';
import { type Config, configFileError, type Flags, resolveConfig } from './config/config.js';
import { isPasswordVariable } from './config/password.js';
import { defaultConfigFile, defaultRoot } from './config/platform-paths.js';
import { asIbkError, IbkError } from './errors.js';
import { systemClock } from './io/clock.js';
import type { TraceFile } from './trace/recorder.js';
import type { Trace } from './trace/trace.js';
import { bothTraces, debugTrace } from './ui/debug-trace.js';
import { errorDocument } from './ui/documents.js';
import { errorTail, printError } from './ui/errors.js';
import { firstContact, overview } from './ui/help.js';
import { SHOW_CURSOR } from './ui/live.js';
import { type LogFile, openLogFile } from './ui/log-file.js';
import { jsonLine } from './ui/ndjson.js';
import { displayPath } from './ui/paths.js';
import { createTerminal, type Terminal } from './ui/terminal.js';
import { VERSION } from './version.js';

/** A clean stop may take this long; then the process ends all the same. */
const LONGEST_STOP_MS = 10_000;
/** Something of ours that is still open after the answer must not keep the process alive. */
const LONGEST_LINGER_MS = 2000;

/** Exit statuses after which a password that was given has proved to be right. */
const WENT_WELL: ReadonlySet<number> = new Set([0, 3]);

/** Runs the command line of this process. Sets `process.exitCode`. */
export async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const stop = new AbortController();
  // Each device of a rack listens; ten, where Node begins to warn of a leak, is no number here.
  setMaxListeners(0, stop.signal);
  watchStreams(stop);
  let terminal = terminalFor(earlyColor(args));
  const early = { json: wantsJson(args), debug: args.includes('--debug') };
  // What even a task in the background has not caught: a bug of ours, told as one.
  process.on('uncaughtException', (error) => exitAtOnce(report(error, terminal, early)));
  try {
    const request = readArguments(args, await commandsNamed(args));
    if (request.kind !== 'command') process.exitCode = await answerDirectly(request, terminal);
    else {
      const config = await configFor(request.flags);
      terminal = terminalFor(config.color);
      process.exitCode = await runCommand(request, config, terminal, stop);
    }
  } catch (error) {
    process.exitCode = report(error, terminal, early);
  }
  setTimeout(() => {
    if (process.stdout.writableLength === 0) process.exit();
  }, LONGEST_LINGER_MS).unref();
}

async function runCommand(
  { spec, options, words }: Extract<Request, { kind: 'command' }>,
  config: Config,
  terminal: Terminal,
  stop: AbortController,
): Promise<number> {
  const release = watchSignals(stop);
  let log: LogFile | undefined;
  let recorder: TraceFile | undefined;
  let passwords: SavedPasswords | undefined;
  const say = (words: string) => log?.note(words, new Date());
  try {
    const file = displayPath(config.configFile.path, terminal.home);
    const problem = spec.toleratesConfigProblems === true ? undefined : configFileError(config.configFile, file);
    if (problem !== undefined) throw problem;
    log = config.logFile === undefined ? undefined : await openLogFile(config.logFile);
    recorder = config.trace === undefined ? undefined : await openRecorder(config.trace);
    say(`ibk ${VERSION} ${spec.help.name}`);
    const trace = traceFor(config, terminal, recorder);
    const { platform, env } = process;
    const { signal } = stop;
    passwords = new SavedPasswords(config.savePassword, signal);
    await passwords.ready();
    const session: Session = { config, terminal, clock: systemClock, signal, platform, env, trace, log, passwords };
    const status = await spec.run(session, options, words);
    if (WENT_WELL.has(status)) await passwords.save();
    say(`ended, exit ${status}`);
    return status;
  } catch (error) {
    const known = asIbkError(error);
    say(`${known.message} ${errorTail(known, '-')}`);
    return report(known, terminal, config);
  } finally {
    release();
    passwords?.wipe();
    await recorder?.close();
    await log?.close();
    tellLoss('trace', recorder?.failure, terminal);
    tellLoss('log', log?.failure, terminal);
  }
}

async function openRecorder(path: string): Promise<TraceFile> {
  const { openTraceFile } = await import('./trace/recorder.js');
  return openTraceFile(path, systemClock);
}

/** The job went on without it, but whoever asked for it must not believe that it is whole. */
function tellLoss(what: string, failure: Error | undefined, { err }: Terminal): void {
  if (failure === undefined) return;
  const why = 'code' in failure ? String(failure.code) : failure.message;
  err.line(err.style.attention(`${err.glyphs.attention} The ${what} is not whole, it could not be written: ${why}.`));
}

function traceFor(config: Config, { err }: Terminal, recorder: TraceFile | undefined): Trace | undefined {
  if (!config.debug) return recorder;
  const debug = debugTrace((line) => err.line(err.style.dim(line)), systemClock, config.debugLayers);
  return recorder === undefined ? debug : bothTraces(recorder, debug);
}

async function answerDirectly(
  request: Exclude<Request, { kind: 'command' }>,
  { out, home }: Terminal,
): Promise<number> {
  const facts = { platform: process.platform, env: process.env, home: homeFolder() };
  switch (request.kind) {
    case 'first_contact':
      return print(firstContact(out.glyphs), out);
    case 'overview':
      return print(overview(displayPath(defaultRoot(facts), home), displayPath(defaultConfigFile(facts), home)), out);
    case 'version':
      return print([versionLine()], out);
    case 'help':
      return print(request.lines, out);
    case 'sim': {
      // Loaded only here: no other command carries the simulator.
      const { simCommand } = await import('./commands/sim.js');
      await simCommand().parseAsync([...request.args], { from: 'user' });
      return Number(process.exitCode ?? 0);
    }
  }
}

function print(lines: readonly string[], screen: Terminal['out']): number {
  for (const line of lines) screen.line(line);
  return 0;
}

async function configFor(flags: Flags): Promise<Config> {
  const { platform, env } = process;
  const config = await resolveConfig({ flags, env, platform, home: homeFolder(), cwd: process.cwd() });
  // Whatever we start from here on inherits no password, whoever starts it.
  for (const name of Object.keys(env)) if (isPasswordVariable(name)) delete env[name];
  return config;
}

/** HOME may be empty or relative: what is kept there would then go into whatever folder a job happens to start in. */
function homeFolder(): string {
  const told = homedir();
  return isAbsolute(told) ? told : userInfo().homedir;
}

function terminalFor(color: Config['color']): Terminal {
  const { stdout, stderr, stdin, env, platform } = process;
  return createTerminal({ stdout, stderr, stdin, env, platform, color });
}

function earlyColor(args: readonly string[]): Config['color'] {
  const typed = args.find((arg) => arg.startsWith('--color='))?.slice(8) ?? args[args.indexOf('--color') + 1];
  const choice = args.some((arg) => arg.startsWith('--color')) ? typed : process.env.IBK_COLOR;
  return choice === 'never' || choice === 'always' ? choice : 'auto';
}

/** Before the arguments are understood: an error about them must already have the form that was asked for. */
function wantsJson(args: readonly string[]): boolean {
  return args.includes('--json') || /^(1|true|yes|on)$/i.test(process.env.IBK_JSON ?? '');
}

/** @returns the exit status */
function report(error: unknown, terminal: Terminal, { json, debug }: { json: boolean; debug: boolean }): number {
  const known = asIbkError(error);
  if (json) terminal.out.write(jsonLine(errorDocument(known, null, new Date())));
  else printError(known, terminal.err, { debug });
  return known.exit;
}

const STOPPING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** First signal: stop cleanly, within ten seconds. Second: at once. @returns the function that stops watching */
function watchSignals(stop: AbortController): () => void {
  const onSignal = (error: IbkError) => () => {
    if (stop.signal.aborted) return exitAtOnce(error.exit);
    setTimeout(() => exitAtOnce(error.exit), LONGEST_STOP_MS).unref();
    stop.abort(error);
  };
  const handlers = [
    ['SIGINT', onSignal(new IbkError('interrupted', 'Stopped by you.'))],
    ['SIGTERM', onSignal(new IbkError('terminated', 'Stopped by SIGTERM.'))],
    ['SIGHUP', onSignal(new IbkError('terminated', 'Stopped by SIGHUP (the terminal was closed).'))],
  ] as const;
  for (const [name, handler] of handlers) process.on(name, handler);
  return () => {
    for (const [name, handler] of handlers) process.off(name, handler);
  };
}

function exitAtOnce(status: number): void {
  // A call to a dead disk or network drive holds up process.exit for ever; the next signal then has its own effect, and ends it.
  for (const name of STOPPING) process.removeAllListeners(name);
  if (process.stderr.isTTY) process.stderr.write(SHOW_CURSOR);
  process.exit(status);
}

/**
 * `ibk list | head`: when the reader has gone, a finite answer ends quietly and a job is stopped. Output that is lost for another reason (a full disk) is a
 * failure, whatever the command thinks of it.
 */
function watchStreams(stop: AbortController): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return stop.abort(closedOutput());
    const lost = new IbkError('destination', `The output could not be written: ${error.code ?? error.message}.`, {
      hint: 'See to where it is written to, then run the same command again.',
    });
    process.once('exit', () => {
      process.exitCode = lost.exit;
    });
    printError(lost, terminalFor('auto').err, { debug: false });
    stop.abort(lost);
  });
  process.stderr.on('error', () => undefined);
}
