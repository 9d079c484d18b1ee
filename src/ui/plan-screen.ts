/** `ibk backup --dry-run`: what would happen. The phone's backup service is not started, so nobody knows the size yet. */
import { formatBytes, formatDate, freeWords } from '../figures.js';
import type { BackupPlan } from '../operations/results.js';
import { deviceNoun, linkWords } from './device-words.js';
import { displayPath } from './paths.js';
import type { Terminal } from './terminal.js';
import { padEnd, printable } from './text.js';
import { shortVersion } from './versions.js';

const LABEL = 10;
const FIRST_FIELD = 28;

export function planLines(plan: BackupPlan, { out: screen, home }: Terminal): string[] {
  const { name, model, ios, productType } = plan.device;
  const noun = deviceNoun(productType);
  const facts = printable(`${model}, iOS ${ios}, ${linkWords([plan.link])}`);
  const needs = plan.needsPasscode === true ? `Needs   the passcode on the ${noun}` : '';
  const encrypted = plan.encrypted ? `yes, by the ${noun}` : 'no';
  const rows = [
    ['Kind', kindWords(plan)],
    ['Encrypted', needs === '' ? encrypted : `${padEnd(encrypted, FIRST_FIELD)}${needs}`],
    ['Disk', `${freeWords(plan.freeBytes)}; the size is known once the ${noun} has scanned`],
  ] as const;
  return [
    `Would back up ${screen.style.strong(printable(name))} (${facts}) to ${displayPath(plan.root, home)}`,
    ...rows.map(([label, words]) => `  ${padEnd(label, LABEL)}  ${words}`),
  ];
}

function kindWords({ kind, lastBackup, lastVersion, lastBackupBytes }: BackupPlan): string {
  if (lastBackup.kind === 'none') return 'full, the first of this device here';
  if (lastBackup.kind === 'incomplete') return 'full; the backup that is there was never finished';
  const size = lastBackupBytes === null ? '' : `, ${formatBytes(lastBackupBytes)}`;
  const made = `${formatDate(lastBackup.madeAt)}${size}`;
  const which = lastVersion === null ? `the one of ${made}` : `${shortVersion(lastVersion)} (${made})`;
  return kind === 'full' ? `full; ${which} is kept as a version` : `incremental, on top of ${which}`;
}
