/**
 * Putting a received backup into `<root>/<UDID>/`.
 *
 * The list of what is to be done is written first; once it is there (`commit`), the commit happens, if need be at the next start: every step is a rename or a
 * removal that can be done again. From the first change to the last, `<UDID>/` has no Status.plist, so that no program takes it for a finished backup.
 *
 * List: one JSON object a line. First `{format, udid, aside}`, last `{sha256}` over all bytes before it, between them:
 * `{folder}`, `{put, blob}`, `{remove}`, `{aside}`; paths are relative to `<UDID>/`.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { IbkError } from '../errors.js';
import { makePrivateFolder, syncFolder, writePrivateFile } from '../io/private-files.js';
import { Blobs } from './blobs.js';
import type { DevicePath } from './device-path.js';
import type { IncomingBackup } from './incoming.js';
import { type BackupLayout, isMetadataFile } from './layout.js';
import type { OverlayFolder } from './overlay.js';

export interface CommitPlan {
  readonly folders: readonly string[];
  readonly puts: readonly { readonly path: string; readonly blob: number }[];
  readonly removes: readonly string[];
  /** Taken out of the folder and kept in `aside/<time>/`. */
  readonly aside: readonly string[];
  /** Name of the folder in `aside/`. */
  readonly asideName: string;
}

const SYNC_AT_ONCE = 8;
const RENAMES_AT_ONCE = 256;

/** What the overlay changes. References to the lower layer get content of their own first. */
export async function planCommit(incoming: IncomingBackup, aside: readonly string[], now: Date): Promise<CommitPlan> {
  const folders: string[] = [];
  const puts: { path: string; blob: number }[] = [];
  const removes: string[] = [];
  for (const { path, node } of [...incoming.overlay.walk()]) {
    // What is left of Snapshot/ is not part of the backup.
    if (path === 'Snapshot' || path.startsWith('Snapshot/')) continue;
    if (node.kind === 'gone') removes.push(path);
    if (node.kind === 'folder') {
      folders.push(path);
      if (node.opaque) removes.push(...(await hidden(incoming, path, node)));
    }
    if (node.kind !== 'file' || node.lower === path) continue;
    await incoming.materialize(path, node);
    const found = incoming.overlay.find(path);
    const blob = found.in === 'overlay' && found.node.kind === 'file' ? found.node.blob : undefined;
    if (blob !== undefined) puts.push({ path, blob });
  }
  const kept = new Set(aside);
  return {
    folders,
    puts,
    removes: removes.filter((path) => !kept.has(path)),
    aside,
    asideName: `${now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)}-${randomBytes(2).toString('hex')}`,
  };
}

/** Files of the lower layer that a folder of the overlay hides by standing in front of them. */
async function hidden(incoming: IncomingBackup, path: DevicePath, folder: OverlayFolder): Promise<string[]> {
  const covered = new Set([...folder.children.values()].filter((child) => child.kind !== 'gone').map((c) => c.name));
  const entries = await incoming.lower.list(path);
  return entries.filter((entry) => !covered.has(entry.name)).map((entry) => `${path}/${entry.name}`);
}

/**
 * Writes the list: from here on the commit happens. Before it nothing in `<UDID>/` has changed.
 * @throws a system error (ENOSPC …), or IbkError `destination`; both leave the earlier backup as it is
 */
export async function sealCommit(layout: BackupLayout, incoming: IncomingBackup, plan: CommitPlan): Promise<void> {
  await refuseObstacles(layout, plan);
  const metadata = plan.puts.filter(({ path }) => isMetadataFile(path));
  for (let start = 0; start < metadata.length; start += SYNC_AT_ONCE) {
    await Promise.all(metadata.slice(start, start + SYNC_AT_ONCE).map(({ blob }) => incoming.blobs.sync(blob)));
  }
  const lines = [
    JSON.stringify({ format: 1, udid: layout.udid, aside: plan.asideName }),
    ...plan.folders.map((folder) => JSON.stringify({ folder })),
    ...plan.puts.map(({ path, blob }) => JSON.stringify({ put: path, blob })),
    ...plan.removes.map((remove) => JSON.stringify({ remove })),
    ...plan.aside.map((aside) => JSON.stringify({ aside })),
  ];
  const body = `${lines.join('\n')}\n`;
  const sha256 = createHash('sha256').update(body).digest('hex');
  await writePrivateFile(layout.commitList, `${body}${JSON.stringify({ sha256 })}\n`);
}

/** A folder where a file is to go, or a link where a folder is, would stop or mislead us half way: better before anything has changed. */
async function refuseObstacles(layout: BackupLayout, plan: CommitPlan): Promise<void> {
  const leaving = new Set([...plan.removes, ...plan.aside]);
  const fresh = new Set<string>();
  for (const folder of plan.folders) {
    const stat = lstatSync(join(layout.folder, folder), { throwIfNoEntry: false });
    if (stat === undefined || leaving.has(folder)) fresh.add(folder);
    else if (!stat.isDirectory()) throw obstacle(folder);
  }
  await inSlices(plan.puts, ({ path }) => {
    if (fresh.has(posix.dirname(path)) || leaving.has(path)) return;
    if (lstatSync(join(layout.folder, path), { throwIfNoEntry: false })?.isDirectory()) throw obstacle(path);
  });
}

function obstacle(path: string): IbkError {
  return new IbkError('destination', `Something in the backup folder is not what it should be: ${path}.`, {
    reason: 'obstacle',
    hint: 'Move it away, or choose another folder: ibk backup -o DIR',
  });
}

/** Carries out a sealed plan. Can be repeated, from any state that a crash of it leaves. */
export async function applyCommit(layout: BackupLayout, plan: CommitPlan): Promise<void> {
  const blobs = new Blobs(layout.incoming, { fixModes: false });
  await makePrivateFolder(layout.folder);
  await setAside(layout, plan);
  const status = plan.puts.find(({ path }) => path === 'Status.plist');
  // Once the new one is in place, an earlier attempt has done all but tidy up.
  if (status === undefined || existsSync(blobs.path(status.blob))) {
    await rm(join(layout.folder, 'Status.plist'), { force: true });
    await syncFolder(layout.folder);
  }
  await inSlices(plan.removes, (path) => rmSync(join(layout.folder, path), { force: true, recursive: true }));
  for (const folder of plan.folders) await makePrivateFolder(join(layout.folder, folder));
  const touched = new Set<string>();
  const place = ({ path, blob }: { path: string; blob: number }) => {
    const target = join(layout.folder, path);
    touched.add(dirname(target));
    try {
      renameSync(blobs.path(blob), target);
    } catch (error) {
      // Done by an earlier attempt.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  };
  await inSlices(
    plan.puts.filter(({ path }) => !isMetadataFile(path)),
    place,
  );
  await inSlices(
    plan.puts.filter(({ path }) => isMetadataFile(path) && path !== 'Status.plist'),
    place,
  );
  touched.add(layout.folder);
  for (const folder of touched) await syncFolder(folder);
  await inSlices(
    plan.puts.filter(({ path }) => path === 'Status.plist'),
    place,
  );
  await syncFolder(layout.folder);
  await syncFolder(layout.root);
  await rm(layout.commitList, { force: true });
  await rm(layout.incoming, { recursive: true, force: true });
}

async function setAside(layout: BackupLayout, plan: CommitPlan): Promise<void> {
  if (plan.aside.length === 0) return;
  const place = join(layout.aside, plan.asideName);
  await makePrivateFolder(place);
  for (const name of plan.aside) {
    // Done by an earlier attempt: what has that name now is the new backup's.
    if (existsSync(join(place, name))) continue;
    await rename(join(layout.folder, name), join(place, name)).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    });
  }
}

/** Synchronous work in slices: other work gets its turn between them. */
async function inSlices<T>(items: readonly T[], act: (item: T) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    act(item);
    if (index % RENAMES_AT_ONCE === RENAMES_AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The sealed plan that an interrupted commit left, if any. A list that was not written to its end never counted. */
export async function readSealedCommit(layout: BackupLayout): Promise<CommitPlan | undefined> {
  const text = await readFile(layout.commitList, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const cut = text.lastIndexOf('\n', text.length - 2) + 1;
  const body = text.slice(0, cut);
  const end = record(text.slice(cut));
  if (end.sha256 !== createHash('sha256').update(body).digest('hex')) return undefined;
  const [head, ...lines] = body.trimEnd().split('\n').map(record);
  if (head?.format !== 1 || head.udid !== layout.udid || typeof head.aside !== 'string') return undefined;
  const strings = (key: string) => lines.map((line) => line[key]).filter((value) => typeof value === 'string');
  return {
    folders: strings('folder'),
    removes: strings('remove'),
    aside: strings('aside'),
    asideName: head.aside,
    puts: lines.flatMap(({ put, blob }) =>
      typeof put === 'string' && typeof blob === 'number' ? [{ path: put, blob }] : [],
    ),
  };
}

function record(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
