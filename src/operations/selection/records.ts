/** The records of a selection, as the commands that read files go through them; and why there are none. */
import type { FileRecord, OpenedBackup } from '../../backup/reader/types.js';
import { IbkError } from '../../errors.js';
import { nearest } from '../../nearest.js';
import { AppIndex } from './apps.js';
import type { FileType } from './file-types.js';
import type { Selection } from './selection.js';

/** The apps that the backup tells of. */
export function appsOf({ info, manifest }: Pick<OpenedBackup, 'info' | 'manifest'>): AppIndex {
  return new AppIndex(info, manifest?.applications);
}

/** In pages, in the order of the backup. A page may be empty. @throws as `records`; IbkError `usage` for an expression that takes too long */
export async function* selectedRecords(
  backup: Pick<OpenedBackup, 'records'>,
  { query, expression }: Pick<Selection, 'query' | 'expression'>,
  signal?: AbortSignal,
): AsyncGenerator<readonly FileRecord[], void> {
  for await (const page of backup.records(query, signal)) {
    if (expression === undefined) yield page;
    else {
      const found = expression.matching(page.map(({ domain, relativePath }) => `${domain}/${relativePath}`));
      yield page.filter((_record, index) => found[index]);
    }
  }
}

const MOST_DOMAINS = 100_000;

/** Every domain with a record. Looks at all of them: for the answer to a name that is not there. */
export async function domainNames(backup: OpenedBackup, signal?: AbortSignal): Promise<readonly string[]> {
  const names = new Set<string>();
  for await (const page of backup.records({}, signal)) {
    for (const { domain } of page) names.add(domain);
    if (names.size >= MOST_DOMAINS) break;
  }
  return [...names];
}

/** That nothing matches, with what was probably meant, or why there cannot be any. */
export async function nothingSelected(
  backup: OpenedBackup,
  selection: Selection,
  signal?: AbortSignal,
): Promise<IbkError> {
  const { describe, wanted } = selection;
  const words = describe === '' ? 'This backup holds no files.' : `Nothing in this backup matches ${describe}.`;
  const [type] = wanted.types;
  if (type !== undefined) return missingType(backup, type, words);
  const [meant, hint] = await nearestName(backup, selection, signal);
  return new IbkError('not_found', meant === undefined ? words : `${words} Did you mean ${meant}?`, {
    reason: 'no_match',
    hint,
  });
}

async function nearestName(
  backup: OpenedBackup,
  { wanted }: Selection,
  signal?: AbortSignal,
): Promise<[string | undefined, string]> {
  const [app] = wanted.apps;
  if (app !== undefined) {
    const known = appsOf(backup).all();
    const found = nearest(app, [...known.map(({ bundleId }) => bundleId), ...known.flatMap(({ name }) => name ?? [])]);
    return [found === app ? undefined : found, 'ibk list latest --apps'];
  }
  const [domain] = wanted.domains;
  if (domain === undefined) return [undefined, 'ibk list latest --domains'];
  const found = nearest(domain, await domainNames(backup, signal));
  return [found === domain ? undefined : found, 'ibk list latest --domains'];
}

/** Of the three reasons, the two that the list of files can tell; the third, a record without content, is seen when files are read. */
function missingType(backup: OpenedBackup, type: FileType, words: string): IbkError {
  if (type.encryptedOnly && !backup.encrypted)
    return new IbkError('not_found', words, {
      reason: 'encrypted_only',
      meaning: `An unencrypted backup leaves out ${type.words}.`,
      hint: 'Turn encryption on for the next backup; this one has never held it.',
    });
  return new IbkError('not_found', words, {
    reason: 'not_on_device',
    meaning: `The device had none when it was backed up, its app was not installed, or it is only in iCloud: ${type.words}.`,
    hint: 'ibk list latest --domains',
  });
}
