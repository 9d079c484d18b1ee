/**
 * Head records on disk: `head.<g>`, written once each, the highest whole one counts.
 *
 * Write: open `head.<g+1>` exclusively, write, sync it, sync S, then unlink the lower ones. A torn head is as good as none.
 * The exclusive name is also the fence: a second writer that thinks it holds the lock fails on it.
 */
import { createHash } from 'node:crypto';
import { IbkError } from '../../errors.js';
import { codeOf } from '../../io/system-code.js';
import { readWhole, type StoreFileSystem, systemError } from '../disk/file-system.js';
import type { StoreContext } from './context.js';
import { checkedHead, HEAD_FORMAT, type Head } from './head-record.js';
import { headGeneration, type StoreLayout } from './layout.js';

/** 1,000 versions are about 400 KB. */
const MAX_HEAD_BYTES = 64 * 1024 * 1024;

/** Numbers of all heads present, whole or torn, highest first. */
export function headGenerations(fs: StoreFileSystem, layout: StoreLayout): number[] {
  const found: number[] = [];
  for (const { name } of fs.list(layout.own) ?? []) {
    const gen = headGeneration(name);
    if (gen !== undefined) found.push(gen);
  }
  return found.sort((a, b) => b - a);
}

/**
 * The head that counts, or nothing.
 * @throws IbkError `incompatible`, `damaged` (head-record.ts)
 */
export function readHead(fs: StoreFileSystem, layout: StoreLayout): Head | undefined {
  for (const gen of headGenerations(fs, layout)) {
    const text = readWhole(fs, headPath(layout, gen), MAX_HEAD_BYTES)?.toString('utf8');
    const value = text === undefined ? undefined : unsealed(text);
    if (value !== undefined) return checkedHead(value, gen, layout.udid);
  }
  return undefined;
}

/** Where no head is whole but versions are listed, what is kept is not known any more. @throws IbkError `damaged` */
export function refuseLostHead({ fs, layout }: Pick<StoreContext, 'fs' | 'layout'>): void {
  const versions = fs.list(layout.inOwn('versions')) ?? [];
  const listed = versions.some(({ name }) =>
    (fs.list(layout.version(name)) ?? []).some((entry) => entry.name.startsWith('delta.')),
  );
  if (!listed) return;
  throw new IbkError('damaged', 'The record of the versions in this store is lost.', {
    reason: 'head_lost',
    meaning:
      'Nothing was touched. The newest backup can still be read, and nothing of the earlier versions was removed.',
    hint: 'ibk doctor --rebuild',
  });
}

export type HeadChange = Partial<Omit<Head, 'gen' | 'udid'>>;

/** Makes `head` with `change` the one that counts. It is durable on return. @throws IbkError `in_use`: another writer was faster */
export async function putHead(
  ctx: StoreContext,
  head: Head | undefined,
  change: HeadChange,
  leastGeneration = 1,
): Promise<Head> {
  const { fs, layout } = ctx;
  ctx.fence();
  const older = headGenerations(fs, layout);
  if (head !== undefined && older[0] !== head.gen) throw overtaken();
  const { udid } = layout;
  const base = head ?? { current: null, chain: [], edits: [], op: null, seal: null, sealedAt: 0, unsynced: null };
  const next: Head = { ...base, ...change, gen: Math.max((older[0] ?? 0) + 1, leastGeneration), udid };
  const line = JSON.stringify({ format: HEAD_FORMAT, ...next });
  const path = headPath(layout, next.gen);
  writeNew(fs, path, Buffer.from(`${line}\n${digest(line)}\n`));
  await fs.syncDirectories([layout.own]);
  for (const gen of older) fs.unlink(headPath(layout, gen));
  return next;
}

/** A head that was found may be only in the cache, if a killed process wrote it: it is made durable before anybody acts on it. */
export async function settleHead(ctx: StoreContext, head: Head): Promise<void> {
  const { fs, layout } = ctx;
  fs.syncFile(headPath(layout, head.gen));
  await fs.syncDirectories([layout.own]);
  for (const gen of headGenerations(fs, layout)) if (gen !== head.gen) fs.unlink(headPath(layout, gen));
}

export function headPath(layout: StoreLayout, gen: number): string {
  return layout.inOwn(`head.${gen}`);
}

/** The next list's name: the number that the next head will have. */
export function nextDelta(head: Head): string {
  return `delta.${head.gen + 1}`;
}

function writeNew(fs: StoreFileSystem, path: string, bytes: Buffer): void {
  let file: ReturnType<StoreFileSystem['create']>;
  try {
    file = fs.create(path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw overtaken(error);
    throw error;
  }
  try {
    file.write([bytes]);
    file.sync();
  } catch (error) {
    // It was made exclusively, so it is ours to take back: what it was to decide is not decided.
    file.close();
    fs.unlink(path);
    throw error;
  }
  file.close();
}

function overtaken(cause: unknown = systemError('EEXIST', 'head')): IbkError {
  return new IbkError('in_use', 'Another ibk changed this store at the same time.', {
    reason: 'head_overtaken',
    cause,
  });
}

function unsealed(text: string): unknown {
  const [line, checksum] = text.split('\n');
  if (line === undefined || checksum !== digest(line)) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function digest(line: string): string {
  return createHash('sha256').update(line).digest('hex');
}
