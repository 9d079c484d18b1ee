/** Can a backup be kept there? Looks only; nothing is made or written. */
import { constants, type Stats } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { IbkError } from '../errors.js';
import { freeBytes } from '../io/disk-space.js';
import { missingMount, notOnMount } from '../io/missing-mount.js';

export interface Destination {
  /** Why no backup can be kept there, in words, with what to do; undefined when one can. */
  readonly problem: { readonly message: string; readonly hint: string } | undefined;
  readonly freeBytes: number | undefined;
  /** False: it will be made by the first backup. */
  readonly exists: boolean;
}

/** Never throws. */
export async function inspectDestination(root: string): Promise<Destination> {
  const at = await nearestExisting(root);
  if (at === undefined) return problem(`${root} cannot be reached`, 'Choose another folder: -o DIR', false);
  const exists = at.path === root;
  if (!at.stats.isDirectory()) return problem(`${at.path} is not a folder`, 'Choose another folder: -o DIR', exists);
  const missing = await missingMount(root);
  if (missing !== undefined) {
    const words =
      missing === at.path ? `${missing} is an empty folder, nothing is mounted there` : `${missing} is not mounted`;
    return problem(words, 'mount the share, then run ibk doctor again', exists);
  }
  const writable = await access(at.path, constants.W_OK | constants.X_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  );
  const free = await freeBytes(at.path).catch(() => undefined);
  if (writable === undefined) return { problem: undefined, freeBytes: free, exists };
  const why = writable.code === 'EROFS' ? 'is read-only' : 'is not writable for you';
  return {
    ...problem(`${at.path} ${why}`, 'Change its permissions, or choose another folder: -o DIR', exists),
    freeBytes: free,
  };
}

function problem(message: string, hint: string, exists: boolean): Destination {
  return { problem: { message, hint }, freeBytes: undefined, exists };
}

async function nearestExisting(path: string): Promise<{ path: string; stats: Stats } | undefined> {
  for (let at = path; ; at = dirname(at)) {
    const stats = await stat(at).catch(() => undefined);
    if (stats !== undefined) return { path: at, stats };
    if (dirname(at) === at) return undefined;
  }
}

/** Before anything is made there. @param strict --require-mount: also where nothing is known of a mount. @throws IbkError `destination`: the disk that belongs there is missing */
export async function refuseMissingMount(root: string, strict = false): Promise<void> {
  const known = await missingMount(root);
  const missing = known ?? (strict ? await notOnMount(root) : undefined);
  if (missing === undefined) return;
  const otherwise = known === undefined ? 'leave --require-mount' : `mkdir ${missing}/backups, and give that with -o`;
  throw new IbkError('destination', `Nothing is mounted at ${missing}.`, {
    reason: 'not_mounted',
    meaning: 'What is on the disk that belongs there is as it was; nothing was written.',
    hint: `Mount it, then: ibk backup    (it is no mount point: ${otherwise})`,
  });
}
