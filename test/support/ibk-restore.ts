/** Restores to a simulated phone with the real stack, in process. */
import { asIbkError, type IbkError } from '../../src/errors.js';
import type { OperationEvent } from '../../src/events.js';
import { Secret } from '../../src/io/secret.js';
import { chooseVersion } from '../../src/operations/choose-backups.js';
import { listBackups } from '../../src/operations/list-backups.js';
import { DEFAULT_RESTORE, restore, type RestoreOutcome } from '../../src/operations/restore/restore.js';
import type { RestoreSettings } from '../../src/operations/restore/results.js';
import { selectDevices } from '../../src/operations/select-device.js';
import type { Simulator } from '../../src/sim/index.js';
import { contextFor } from './ibk-backup.js';

export interface TryRestoreOptions {
  readonly listen: string;
  readonly root: string;
  /** BACKUP; default: the only one under the root. */
  readonly word?: string;
  /** Default: the only phone. */
  readonly udids?: readonly string[];
  readonly password?: string | undefined;
  readonly settings?: Partial<RestoreSettings>;
  readonly verify?: 'structure' | 'full';
  readonly onEvent?: (event: OperationEvent) => void;
}

export interface TriedRestore {
  readonly outcome: RestoreOutcome | undefined;
  /** What `restore` threw. */
  readonly error: IbkError | undefined;
  readonly exit: number;
  readonly events: readonly OperationEvent[];
}

export async function tryRestore(options: TryRestoreOptions): Promise<TriedRestore> {
  const { root, word, password, settings, verify = 'structure' } = options;
  const events: OperationEvent[] = [];
  try {
    const ctx = contextFor(options, events);
    const devices = await selectDevices(ctx, { udids: options.udids ?? [], link: 'any' });
    const listing = await listBackups({ root });
    const chosen = await chooseVersion(listing, { word, udids: [], command: 'ibk restore', cwd: root });
    const outcome = await restore(ctx, {
      ...{ chosen, devices, root, scratchRoot: root, verify, command: 'ibk restore' },
      settings: { ...DEFAULT_RESTORE, ...settings },
      password: async () => (password === undefined ? undefined : Secret.of(password)),
      decide: async () => true,
    });
    return { outcome, error: undefined, exit: outcome.exit, events };
  } catch (error) {
    const known = asIbkError(error);
    return { outcome: undefined, error: known, exit: known.exit, events };
  }
}

/** To be called before the restore: resolves when all phones of it are there again. Until then there is nothing to compare. */
export async function restartOf({ phones }: Pick<Simulator, 'phones'>): Promise<void> {
  await Promise.all(phones.map((phone) => new Promise<void>((resolve) => phone.once('plugged', () => resolve()))));
}
