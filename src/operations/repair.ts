/** `ibk repair`: clears away what other tools left in a backup folder, and completes an interrupted run that can be. Nothing is deleted. */
import { join } from 'node:path';
import { onDisk } from '../backup/disk/disk-errors.js';
import { isNothing, planRepair, type RepairPlan } from '../backup/repair/repair-plan.js';
import type { AskPassword } from '../backup/reader/password.js';
import { BackupStore } from '../backup/store.js';
import { IbkError } from '../errors.js';
import type { Secret } from '../io/secret.js';
import type { ChosenBackup } from './choose-backups.js';

export interface RepairOptions {
  readonly root: string;
  /** Asked for where the backup is encrypted. Without an answer, files that no row names are not looked for. */
  readonly password?: AskPassword | undefined;
  /** As it was typed, for hints. */
  readonly word?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PlannedRepair {
  /** With the version that lies in the folder. */
  readonly chosen: ChosenBackup;
  readonly plan: RepairPlan;
  /** There is nothing to do. */
  readonly nothing: boolean;
  /** Not done yet. What it then finds still wrong stands in `plan.verified`. */
  run(now: number): Promise<RepairResult>;
}

export interface RepairResult {
  /** Where what was set aside lies now; null: in the store's own folder. */
  readonly aside: string | null;
  /** The backup as it is now. */
  readonly after: RepairPlan;
}

/** @throws IbkError `usage`: an earlier version; `in_use`: ibk itself was interrupted or is at work there; as `planRepair` */
export async function prepareRepair(chosen: ChosenBackup, options: RepairOptions): Promise<PlannedRepair> {
  const { backup } = chosen;
  const { root, signal, word = 'latest' } = options;
  // `latest` is the newest that is complete; what lies in the folder may be newer.
  const version = backup.versions[0] ?? chosen.version;
  const isKept = backup.path === join(root, backup.udid);
  if (!chosen.version.latest && chosen.version !== version)
    throw new IbkError('usage', 'Only the folder of a backup can be repaired, and that holds the newest version.', {
      hint: 'ibk repair latest',
    });
  if (backup.state === 'changing')
    throw new IbkError('in_use', 'A backup of ibk is being put in place there, or was interrupted in that.', {
      reason: 'pending',
      meaning: 'Nothing needs a repair: the next ibk backup completes it first.',
      hint: 'ibk backup',
    });
  const password = remembered(options.password);
  const name = { device: backup.name, udid: backup.udid, madeAt: version.madeAt ?? undefined, word };
  const look = (ask: AskPassword) => onDisk(() => planRepair(backup.path, { password: ask, name, signal }));
  const plan = await look(password.first);
  return {
    chosen: { backup, version },
    plan,
    nothing: isNothing(plan),
    run: async (now) => {
      const aside = isKept ? await repairKept(chosen, plan, options) : await repairElsewhere(backup.path, plan, now);
      return { aside, after: await look(password.again) };
    },
  };
}

async function repairKept({ backup }: ChosenBackup, plan: RepairPlan, { root, signal }: RepairOptions): Promise<null> {
  const keepSnapshot = plan.snapshot !== null && plan.snapshot.action !== 'set_aside';
  using lease = await new BackupStore(root, backup.udid).lease({ command: 'repair', signal, keepSnapshot });
  await lease.repair(plan);
  return null;
}

async function repairElsewhere(path: string, plan: RepairPlan, now: number): Promise<string> {
  const { repairFolder } = await import('../backup/repair/repair-folder.js');
  return onDisk(() => repairFolder(path, plan, now));
}

/** The backup is looked through twice, and nobody is asked twice: the second look begins with the last answer of the first. */
function remembered(ask: AskPassword | undefined): { readonly first: AskPassword; readonly again: AskPassword } {
  let last: Secret | undefined;
  const first: AskPassword = async (question, udid) => {
    const answer = await ask?.(question, udid);
    last?.wipe();
    last = answer?.copy();
    return answer;
  };
  return { first, again: async () => last?.copy() };
}
