/**
 * Repairs a backup folder that no store keeps. Nothing is deleted: what is taken out or replaced is moved into a new folder beside the backup.
 * Each step is one rename; a run that is stopped leaves a folder that the next one goes on with.
 */
import { basename, dirname, join } from 'node:path';
import { IbkError } from '../../errors.js';
import { syncFolder, writePrivateFile } from '../../io/private-files.js';
import { DiskFileSystem } from '../disk/disk-file-system.js';
import { makeDirectories, parentOf } from '../disk/file-system.js';
import { LEFTOVER_FOLDER, STATUS_PLIST } from '../records/names.js';
import { inSnapshot, type RepairPlan } from './repair-plan.js';
import { filesToMoveUp } from './snapshot.js';

/**
 * @param now milliseconds since 1970
 * @returns the folder with what was set aside
 * @throws IbkError `unsafe`: a link is in the place of a file, nothing was touched; system errors of the disk
 */
export async function repairFolder(path: string, plan: RepairPlan, now: number): Promise<string> {
  const [link] = plan.links;
  if (link !== undefined)
    throw new IbkError('unsafe', `${join(path, link)} is a link, or no file at all.`, {
      reason: 'link',
      meaning: 'Nothing was changed.',
      hint: 'Move it away, then run the same line again.',
    });
  const fs = new DiskFileSystem(dirname(path));
  const folder = basename(path);
  const aside = newFolder(fs, `${folder}.aside-${utcName(now)}`);
  const touched = new Set<string>([folder, aside, '']);
  const move = (from: string, to: string): void => {
    makeDirectories(fs, parentOf(to));
    for (const place of [from, to]) touched.add(parentOf(place));
    fs.rename(from, to);
  };
  const setAside = (name: string): void => {
    if (fs.stat(`${folder}/${name}`) !== undefined) move(`${folder}/${name}`, `${aside}/${name}`);
  };
  for (const name of plan.empty.paths) setAside(name);
  if (plan.snapshot?.action === 'complete')
    for (const name of filesToMoveUp(fs, folder)) {
      setAside(name);
      move(`${folder}/${inSnapshot(name)}`, `${folder}/${name}`);
    }
  for (const name of plan.orphans.paths) setAside(name);
  await fs.syncDirectories([...touched]);
  if (plan.status !== null) {
    fs.copy(`${folder}/${STATUS_PLIST}`, `${aside}/${STATUS_PLIST}`);
    await writePrivateFile(join(path, STATUS_PLIST), plan.status);
  }
  if (plan.snapshot !== null && plan.snapshot.action !== 'left') setAside(LEFTOVER_FOLDER);
  await fs.syncDirectories([folder, aside]);
  await syncFolder(dirname(path));
  return join(dirname(path), aside);
}

function newFolder(fs: DiskFileSystem, name: string): string {
  for (let number = 1; ; number++) {
    const path = number === 1 ? name : `${name}-${number}`;
    if (fs.stat(path) !== undefined) continue;
    fs.makeDirectory(path);
    return path;
  }
}

/** `20261121T070600Z` */
function utcName(now: number): string {
  return `${new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}
