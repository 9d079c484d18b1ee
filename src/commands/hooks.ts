/**
 * What people have run around a backup: `--before` once before the first device is asked for anything, `--on-success` or `--on-failure` once for each device, `--after`
 * once at the end, whatever happened since. The shell runs it; it reads nothing and writes to standard error; it inherits no password, and is told of the run in IBK_* variables.
 */
import { spawn } from 'node:child_process';
import { withoutPasswords } from '../config/password.js';
import { IbkError } from '../errors.js';
import { within } from '../io/abort.js';
import type { Session } from './session.js';

export type HookName = 'before' | 'after' | 'on-success' | 'on-failure';

export const HOOK_NAMES: readonly HookName[] = ['before', 'after', 'on-success', 'on-failure'];

export type Hooks = Readonly<Partial<Record<HookName, string>>>;

/** Variables of IBK_…; undefined: it is not known, and the variable is not there. */
export type HookFacts = Readonly<Record<string, string | number | undefined>>;

/** A copy to another place may take a day; nothing waits for ever. */
const LONGEST_MS = 24 * 60 * 60_000;

/** @throws IbkError `error`, reason `hook_failed`; the signal's reason */
export async function runHook(session: Session, hooks: Hooks, name: HookName, facts: HookFacts): Promise<void> {
  const command = hooks[name];
  if (command === undefined) return;
  const { clock, env, signal, log } = session;
  log?.note(`hook ${name}`, new Date(clock.now()));
  const child = spawn(command, {
    shell: true,
    windowsHide: true,
    // What it says is for people: standard output is ours.
    stdio: ['ignore', process.stderr, process.stderr],
    env: { ...withoutPasswords(env), ...variables({ HOOK: name, COMMAND: 'backup', ...facts }) },
  });
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve('code' in error ? String(error.code) : 'it did not start'));
    child.once('exit', (code, killedBy) => resolve(code === 0 ? undefined : (killedBy ?? `exit ${code}`)));
  });
  // After a Ctrl-C the ones at the end still run, for as long as a clean stop may take.
  const stop = signal.aborted ? new AbortController().signal : signal;
  const onTimeout = () => failed(name, 'still running after 24 h');
  try {
    const failure = await within({ clock, timeoutMs: LONGEST_MS, signal: stop, onTimeout }, () => ended);
    if (failure !== undefined) throw failed(name, failure);
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill();
  }
}

/** Never throws. @returns false: it failed, and that was said */
export async function tellHook(session: Session, hooks: Hooks, name: HookName, facts: HookFacts): Promise<boolean> {
  try {
    await runHook(session, hooks, name, facts);
    return true;
  } catch (error) {
    const { err } = session.terminal;
    const words = error instanceof Error ? error.message : 'A hook failed.';
    err.line(err.style.attention(`${err.glyphs.attention} ${words} The backup itself is not affected.`));
    return false;
  }
}

function variables(facts: HookFacts): Record<string, string> {
  return Object.fromEntries(
    Object.entries(facts).flatMap(([name, value]) =>
      // No system takes a NUL in a variable.
      value === undefined ? [] : [[`IBK_${name}`, String(value).replaceAll('\0', '')]],
    ),
  );
}

function failed(name: HookName, why: string): IbkError {
  return new IbkError('error', `The command of --${name} failed (${why}).`, {
    reason: 'hook_failed',
    meaning: 'What it said stands above.',
    hint: 'Run it by hand; its variables are in the README.',
  });
}
