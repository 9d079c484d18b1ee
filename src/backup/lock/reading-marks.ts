/**
 * `S/reading/<nonce>`: who on this computer reads a version that must not be forgotten meanwhile, such as a restore. It ends with its process. On a disk that
 * cannot be written to there is none, and nothing can be forgotten there either.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { StoreLayout } from '../records/layout.js';
import { judgeHolder, ownHolder, readHolder } from './lock-holder.js';

/** @returns gives it back; never throws */
export function markReading(root: string, udid: string, version: string): () => void {
  const folder = folderOf(root, udid);
  // The version is what it does: no store of ibk's has another word there.
  const holder = ownHolder(version, Date.now());
  const path = join(folder, holder.nonce);
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
  } catch {
    // There already, or it cannot be written to.
  }
  try {
    fs.writeFileSync(path, `${JSON.stringify(holder)}\n`, { flag: 'wx', mode: 0o600 });
  } catch {
    return () => {};
  }
  return () => {
    try {
      fs.rmSync(path, { force: true });
      fs.rmdirSync(folder);
    } catch {
      // Another one reads too, or the disk is gone.
    }
  };
}

/** Ids of the versions that are being read. Marks of processes that have ended are taken away. */
export function versionsInUse(root: string, udid: string): ReadonlySet<string> {
  const folder = folderOf(root, udid);
  const here = ownHolder('', Date.now());
  const found = new Set<string>();
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const holder = readHolder(path);
    if (holder === undefined || judgeHolder(holder, here) === 'gone') fs.rmSync(path, { force: true });
    else found.add(holder.command);
  }
  return found;
}

const folderOf = (root: string, udid: string): string => join(root, new StoreLayout(udid).inOwn('reading'));

function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder).filter((name) => /^[0-9a-f]{16}$/.test(name));
  } catch {
    return [];
  }
}
