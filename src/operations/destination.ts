/** Can a backup be kept there? Looks only; nothing is made or written. */
import { constants, type Stats } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { freeBytes } from '../io/disk-space.js';

export interface Destination {
  /** Why no backup can be kept there, in words, with what to do; undefined when one can. */
  readonly problem: { readonly message: string; readonly hint: string } | undefined;
  readonly freeBytes: number | undefined;
  /** False: it will be made by the first backup. */
  readonly exists: boolean;
}

/** Where people mount disks and shares; an empty folder there that lies on the system's own disk is a mount that is missing. */
const MOUNT_PARENTS = /^(\/mnt|\/media|\/run\/media|\/Volumes|\/net)(\/|$)/;

/** Never throws. */
export async function inspectDestination(root: string): Promise<Destination> {
  const at = await nearestExisting(root);
  if (at === undefined) return problem(`${root} cannot be reached`, 'Choose another folder: -o DIR', false);
  const exists = at.path === root;
  if (!at.stats.isDirectory()) return problem(`${at.path} is not a folder`, 'Choose another folder: -o DIR', exists);
  if (await isMissingMount(root, at.path, at.stats))
    return problem(
      `${at.path} is an empty folder, nothing is mounted there`,
      'mount the share, then run ibk doctor again',
      exists,
    );
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

async function isMissingMount(root: string, path: string, stats: Stats): Promise<boolean> {
  if (!MOUNT_PARENTS.test(root)) return false;
  const system = await stat('/').catch(() => undefined);
  if (system === undefined || system.dev !== stats.dev) return false;
  return (await readdir(path).catch(() => ['?'])).length === 0;
}
