/** What every command is handed: the settings, the terminal, time, and the one signal that stops the run. */
import type { Config } from '../config/config.js';
import type { EventSink } from '../events.js';
import type { Clock } from '../io/clock.js';
import type { OperationContext } from '../operations/context.js';
import { createContext } from '../operations/create-context.js';
import type { Trace } from '../trace/trace.js';
import type { LogFile } from '../ui/log-file.js';
import type { Terminal } from '../ui/terminal.js';
import type { SavedPasswords } from './saved-passwords.js';

export interface Session {
  readonly config: Config;
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** Aborts at the first Ctrl-C; its reason is the IbkError that ends the run. */
  readonly signal: AbortSignal;
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly trace: Trace | undefined;
  readonly log: LogFile | undefined;
  readonly passwords: SavedPasswords;
}

export function timeoutsOf({ timeoutMs, stallMs, passcodeMs, waitMs }: Config): OperationContext['timeouts'] {
  return { connectMs: timeoutMs, answerMs: timeoutMs, stallMs, passcodeMs, waitMs };
}

/** @throws IbkError `usage` for an address of usbmuxd that cannot be understood */
export function operationContext(
  { config, clock, signal, platform, trace }: Session,
  onEvent: EventSink,
): OperationContext {
  const { usbmuxd } = config;
  return createContext({ usbmuxd, signal, onEvent, timeouts: timeoutsOf(config), clock, trace, platform });
}
