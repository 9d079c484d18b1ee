/** Backups that Apple's own programs keep on this computer: shown beside those of the root, and opened by their path. */
import { realpath } from 'node:fs/promises';
import { IbkError } from '../errors.js';
import { chooseBackups } from './choose-backups.js';
import { listBackups } from './list-backups.js';
import type { BackupListing } from './results.js';

export interface Place {
  readonly place: string;
  readonly words: string;
  readonly path: string;
}

export interface ListedPlace extends Place {
  /** Without a backup: none is there. */
  readonly listing: BackupListing;
  /** Why it could not be read. */
  readonly problem: IbkError | null;
}

export interface ListPlacesOptions {
  /** A place that is the root itself is not listed twice. */
  readonly root: string;
  readonly udids: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** Those that are there and hold a backup, or cannot be read. */
export async function listPlaces(
  places: readonly Place[],
  options: ListPlacesOptions,
): Promise<readonly ListedPlace[]> {
  const { root, udids, signal } = options;
  const realRoot = await realOf(root);
  const listed: ListedPlace[] = [];
  for (const place of places) {
    const { path } = place;
    if ((await realOf(path)) === realRoot) continue;
    const none: BackupListing = { root: path, bytes: 0, backups: [] };
    try {
      const listing = chosen(await listBackups({ root: path, signal }), udids);
      if (listing.backups.length > 0) listed.push({ ...place, listing, problem: null });
    } catch (error) {
      if (!(error instanceof IbkError) || signal?.aborted) throw error;
      if (error.code !== 'not_found') listed.push({ ...place, listing: none, problem: error });
    }
  }
  return listed;
}

/** The devices that `-u` names; that none of them is here is no mistake. */
function chosen(listing: BackupListing, udids: readonly string[]): BackupListing {
  try {
    return chooseBackups(listing, udids);
  } catch (error) {
    if (error instanceof IbkError && error.code === 'not_found') return { ...listing, backups: [], bytes: 0 };
    throw error;
  }
}

const realOf = (path: string): Promise<string> => realpath(path).catch(() => path);

/** Only devices whose newest complete backup is older, or that have none. */
export function olderThan(listing: BackupListing, ageMs: number, nowMs: number): BackupListing {
  const isOld = (madeAt: Date | null): boolean => madeAt === null || nowMs - madeAt.getTime() > ageMs;
  const backups = listing.backups.filter(
    ({ versions }) => !versions.some(({ complete, madeAt }) => complete && !isOld(madeAt)),
  );
  return { ...listing, backups, bytes: backups.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0) };
}
