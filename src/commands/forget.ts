import { KILL_POINT_VARIABLE, killPoint } from '../backup/disk/kill-point.js';
import { IbkError } from '../errors.js';
import { chooseBackups, chooseVersion } from '../operations/choose-backups.js';
import { listBackups } from '../operations/list-backups.js';
import { forget, type ForgetPlan, planPolicy, planVersions } from '../operations/retention/forget.js';
import type { BackupListing, ListedBackup, ListedVersion } from '../operations/results.js';
import { forgetDocument } from '../ui/history-documents.js';
import { hanging } from '../ui/errors.js';
import {
  forgetPlanLines,
  forgetQuestion,
  forgottenWords,
  nothingToForget,
  rehearsedLine,
} from '../ui/forget-screen.js';
import { jsonLine } from '../ui/ndjson.js';
import { shellWord } from '../ui/paths.js';
import { confirm } from '../ui/prompt.js';
import { printable } from '../ui/text.js';
import { type CommandSpec, type OwnOptions, STORE_CODES } from './command.js';
import {
  configuredPolicy,
  REPEATABLE_RETENTION_OPTIONS,
  RETENTION_OPTIONS,
  RETENTION_ROWS,
  typedPolicy,
} from './retention.js';
import type { Session } from './session.js';

const MOST_VERSIONS = 1000;

export const forgetCommand: CommandSpec = {
  help: {
    name: 'forget',
    sentence:
      'Forget versions: those that are named, or all that no rule keeps, of each device. Says what comes back, and asks.',
    rows: [
      { flags: 'BACKUP …', words: 'these versions: an id, latest~3, @2026-11-01' },
      ...RETENTION_ROWS,
      { flags: '--all', words: 'every version of the device that -u names' },
    ],
    examples: [
      ['ibk forget m2xq8d04', 'one version'],
      ['ibk forget --keep-daily 7 --keep-weekly 4 -n', 'what would go, and why'],
      ['ibk forget --keep-within 90d --yes', 'from cron'],
    ],
    note: 'Rules mean what they mean to restic, per device: a version stays if one of them keeps it. Days and weeks are local. Without rules here, those of the config file count. What is pinned or the newest stays, whatever a rule says; the newest goes only by its name and --yes, and the version before it takes its place. Every other version stays complete.',
    codes: STORE_CODES,
  },
  options: [...RETENTION_OPTIONS, '--all'],
  repeatable: REPEATABLE_RETENTION_OPTIONS,
  mostArguments: MOST_VERSIONS,
  run: async (session, options, words) => {
    const { config, terminal, signal } = session;
    const { root, json, quiet } = config;
    const { out, err } = terminal;
    const listing = await listBackups({ root, measure: false, signal });
    const plans = await plansOf(session, listing, options, words);
    const done: { readonly plan: ForgetPlan; readonly forgotten: boolean }[] = [];
    for (const plan of plans) {
      const going = plan.decisions.filter(({ action }) => action === 'forget');
      if (!json && (!quiet || config.dryRun) && (words.length === 0 || config.dryRun))
        for (const line of forgetPlanLines(plan, config.dryRun ? out : err)) (config.dryRun ? out : err).line(line);
      if (going.length === 0 || config.dryRun) {
        if (!json && config.dryRun) out.line(rehearsedLine(plan));
        else if (!json && !quiet) err.line(nothingToForget(plan));
        done.push({ plan, forgotten: false });
        continue;
      }
      await refuseNewest(session, plan, words, options);
      const { noInput } = config;
      if (!config.yes && !(await confirm(forgetQuestion(plan), '--yes', { terminal, json, noInput, signal }))) {
        if (!quiet) err.line('Nothing was changed.');
        done.push({ plan, forgotten: false });
        continue;
      }
      await forget(plan, { root, signal, beforeChange: killPoint(session.env[KILL_POINT_VARIABLE]) });
      done.push({ plan, forgotten: true });
      if (!json && !quiet)
        for (const text of hanging(err.glyphs.ok, forgottenWords(plan), err.width())) err.line(err.style.done(text));
    }
    if (json) out.write(jsonLine(forgetDocument(done, config.dryRun)));
    return 0;
  },
};

async function plansOf(
  session: Session,
  listing: BackupListing,
  options: OwnOptions,
  words: readonly string[],
): Promise<ForgetPlan[]> {
  const { root, udids } = session.config;
  const typed = typedPolicy(options);
  const all = options['all'] === true;
  if ([words.length > 0, typed !== undefined, all].filter(Boolean).length > 1) {
    throw new IbkError('usage', 'Versions, rules and --all are three ways to say what goes.', {
      hint: 'ibk forget --help',
    });
  }
  if (words.length > 0) return namedPlans(session, listing, words);
  const { backups } = chooseBackups(listing, udids);
  const managed = backups.filter(({ versions }) => versions.some(({ id }) => id !== null));
  if (all) {
    if (udids.length === 0)
      throw new IbkError('usage', '--all needs the device whose versions go.', { hint: 'ibk forget --all -u "NAME"' });
    return Promise.all(managed.map((backup) => planVersions(root, backup, storedOf(backup))));
  }
  const plans: ForgetPlan[] = [];
  for (const backup of managed) {
    if (backup.problem !== null) throw backup.problem;
    const policy = typed ?? configuredPolicy(session, backup);
    if (policy !== undefined) plans.push(await planPolicy(root, backup, policy));
  }
  if (plans.length === 0 && typed === undefined) {
    throw new IbkError('usage', 'Nothing says which versions go.', {
      hint: 'Name them, or give rules: ibk forget --keep-daily 7 --keep-weekly 4 --dry-run',
    });
  }
  return plans;
}

const storedOf = ({ versions }: ListedBackup): ListedVersion[] => versions.filter(({ id }) => id !== null);

/** One plan for each device that the words name. */
async function namedPlans(session: Session, listing: BackupListing, words: readonly string[]): Promise<ForgetPlan[]> {
  const { root, udids } = session.config;
  const wanted = new Map<ListedBackup, Set<ListedVersion>>();
  for (const word of words) {
    const { backup, version } = await chooseVersion(listing, {
      word,
      udids,
      command: 'ibk forget',
      cwd: process.cwd(),
    });
    if (version.id === null)
      throw new IbkError('usage', `ibk keeps no versions of ${printable(word)}.`, {
        hint: 'It is the folder of another tool: remove it by hand.',
      });
    const versions = wanted.get(backup) ?? new Set();
    wanted.set(backup, versions.add(version));
  }
  return Promise.all([...wanted].map(([backup, versions]) => planVersions(root, backup, [...versions])));
}

/** By its name and with `--yes` alone. */
async function refuseNewest(
  { config }: Session,
  { backup, decisions }: ForgetPlan,
  words: readonly string[],
  options: OwnOptions,
): Promise<void> {
  const newest = decisions.find(({ version }) => version === backup.versions.find(({ id }) => id !== null));
  const id = newest?.version.version ?? '';
  if (newest?.action !== 'forget') return;
  const isNamed = words.some(
    (word) => word.length >= 4 && (id.startsWith(word.toLowerCase()) || newest.version.id === word),
  );
  if (config.yes && (isNamed || options['all'] === true)) return;
  throw new IbkError('usage', `${id} is the newest backup of ${printable(backup.name)}.`, {
    reason: 'newest',
    meaning: 'Nothing was changed.',
    hint: `To forget it all the same: ibk forget ${options['all'] === true ? `--all -u ${shellWord(backup.name)}` : id} --yes`,
  });
}
