/** Runs a backup between its hooks, and tells them how it went. */
import { asIbkError, ERROR_CATALOG, type ErrorCode } from '../errors.js';
import type { OperationEvent } from '../events.js';
import type { SelectedDevice } from '../operations/select-device.js';
import { shortVersion } from '../ui/versions.js';
import { type HookFacts, type Hooks, runHook, tellHook } from './hooks.js';
import type { Session } from './session.js';

/** What becomes of the run, noted while it goes on. */
export class HookRecord {
  devices: readonly SelectedDevice[] = [];
  readonly #ended: (HookFacts & { readonly CODE: ErrorCode | 'ok' })[] = [];

  constructor(
    private readonly rootOf: (device: Pick<SelectedDevice, 'udid' | 'name'>) => string,
    private readonly root: string,
  ) {}

  /** Of every event: the end of each device is kept. */
  hear(event: OperationEvent): void {
    if (event.type === 'summary') {
      const { udid, code, exit, version, path, filesReceived, bytesReceived } = event;
      const what = { VERSION: shortVersion(version), PATH: path, FILES: filesReceived, BYTES: bytesReceived };
      this.#ended.push({ ...this.#of(udid), CODE: code, EXIT: exit, ...what });
    } else if (event.type === 'error' && event.udid !== null) {
      const { udid, error } = event;
      this.#ended.push({ ...this.#of(udid), CODE: error.code, EXIT: error.exit, MESSAGE: error.message });
    }
  }

  get ended(): readonly (HookFacts & { readonly CODE: ErrorCode | 'ok' })[] {
    return this.#ended;
  }

  /** Of all devices: a list in IBK_UDID, as the option takes it. */
  whole(): HookFacts {
    const [only, ...others] = this.devices;
    if (only !== undefined && others.length === 0) return this.#of(only.udid);
    const udids = this.devices.map(({ udid }) => udid).join(',');
    return { OUT: this.root, UDID: udids === '' ? undefined : udids };
  }

  #of(udid: string): HookFacts {
    const device = this.devices.find((each) => each.udid === udid);
    if (device === undefined) return { OUT: this.root, UDID: udid };
    return { OUT: this.rootOf(device), UDID: udid, DEVICE: device.name };
  }
}

/**
 * `--before` is the work's to run, once it knows the devices; `--after` follows where it came to that. A hook at the end that fails makes an exit status of 0 into 3.
 * @throws what the work throws, after the hooks at the end
 */
export async function betweenHooks(
  session: Session,
  hooks: Hooks,
  record: HookRecord,
  work: (before: () => Promise<void>) => Promise<number>,
): Promise<number> {
  let exit: number;
  let failure: unknown;
  let began = false;
  try {
    exit = await work(() => {
      began = true;
      return runHook(session, hooks, 'before', record.whole());
    });
  } catch (error) {
    failure = error;
    exit = asIbkError(error).exit;
  }
  const told: boolean[] = [];
  for (const facts of record.ended)
    told.push(await tellHook(session, hooks, facts.CODE === 'ok' ? 'on-success' : 'on-failure', facts));
  const end = failure === undefined ? { CODE: codeOf(exit) } : factsOf(failure);
  // No device was found, or the run was refused before the first one began.
  if (record.ended.length === 0 && exit !== 0)
    told.push(await tellHook(session, hooks, 'on-failure', { ...record.whole(), ...end, EXIT: exit }));
  if (began) told.push(await tellHook(session, hooks, 'after', { ...record.whole(), ...end, EXIT: exit }));
  if (failure !== undefined) throw failure;
  return exit === 0 && told.includes(false) ? ERROR_CATALOG.partial.exit : exit;
}

function factsOf(failure: unknown): HookFacts {
  const { code, message } = asIbkError(failure);
  return { CODE: code, MESSAGE: message };
}

function codeOf(exit: number): string {
  return Object.entries(ERROR_CATALOG).find(([, entry]) => entry.exit === exit)?.[0] ?? 'ok';
}
