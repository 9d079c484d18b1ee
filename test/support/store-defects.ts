/** Copies of the engine with one deliberate defect each (store.md 11): a proof that does not find them proves nothing. */
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadEngine, type StoreEngine } from './store-engine.js';

export interface Defect {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Only another program's changes bring it to light. */
  readonly foreign?: boolean;
  /** A history that finds it; others do too, this one saves the search. */
  readonly knownSeed: number;
}

export const DEFECTS: readonly Defect[] = [
  {
    knownSeed: 1_000_001,
    name: 'received content is not synced',
    file: 'commit/commit.ts',
    find: "if (ctx.durability === 'full' && !(await fs.syncAll(layout.own))) {",
    replace: "if (ctx.durability === 'none') {",
  },
  {
    knownSeed: 1_000_001,
    name: 'no barrier between the phases',
    file: 'commit/run-commit.ts',
    find: 'await fs.syncDirectories([...work.outs, ...work.folders]);\n  return putHead',
    replace: 'return putHead',
  },
  {
    knownSeed: 1_000_644,
    name: 'the head is not synced before the redo',
    file: 'records/head.ts',
    find: 'fs.syncFile(headPath(layout, head.gen));\n  await fs.syncDirectories([layout.own]);\n  for',
    replace: 'for',
  },
  {
    knownSeed: 1_000_944,
    name: 'Status.plist is not synced out first',
    file: 'commit/run-commit.ts',
    find: 'await fs.syncDirectories([parentOf(layout.slot(out, STATUS_PLIST)), layout.folder]);',
    replace: '',
  },
  {
    knownSeed: 1_000_031,
    name: 'a file goes out without an identity check',
    file: 'commit/apply-list.ts',
    find: 'if (!isSame(fs, place, there, line.old)) return false;',
    replace: '',
    foreign: true,
  },
  {
    knownSeed: 1_000_040,
    name: 'no scan after a recovered commit',
    file: 'commit/run-commit.ts',
    find: "op: rescan ? { t: 'rescan' } : null",
    replace: 'op: null',
    foreign: true,
  },
  {
    knownSeed: 1_000_002,
    name: 'forget deletes before the head switches',
    file: 'commit/retire.ts',
    find: 'const merged = await writeMerged(ctx, head, older, entry);',
    replace: `const merged = await writeMerged(ctx, head, older, entry);
  for (const line of readChangeList(ctx.fs, listPath(ctx, entry))) {
    if (line.k === 'stored' && line.at !== null) ctx.fs.unlink(ctx.layout.slot(line.at, line.p));
  }`,
  },
  {
    knownSeed: 1_000_023,
    name: 'ancestors of new folders are not synced',
    file: 'disk/file-system.ts',
    find: 'if (above.size === 0) return;',
    replace: 'return;',
  },
  {
    knownSeed: 1_000_026,
    name: 'a manifest goes before the packed one has its name for good',
    file: 'versions/pack-manifests.ts',
    find: 'await fs.syncDirectories([layout.version(id)]);\n  fs.unlink',
    replace: 'fs.unlink',
  },
  {
    knownSeed: 1_000_003,
    name: 'a packed manifest is not synced',
    file: 'versions/pack-manifests.ts',
    find: 'file.sync();',
    replace: '',
  },
];

const PROJECT = new URL('../../', import.meta.url).pathname;

/** The engine with the defect, and how to remove the copy. */
export async function engineWith(defect: Defect): Promise<{ engine: StoreEngine; remove: () => Promise<void> }> {
  const copy = await mkdtemp(join(tmpdir(), 'ibk-defect-'));
  const remove = () => rm(copy, { recursive: true, force: true });
  try {
    await mkdir(join(copy, 'src'), { recursive: true });
    await writeFile(join(copy, 'package.json'), '{"type":"module"}');
    await symlink(join(PROJECT, 'node_modules'), join(copy, 'node_modules'));
    for (const part of ['src/errors.ts', 'src/version.ts', 'src/plist', 'src/io', 'src/backup']) {
      await cp(join(PROJECT, part), join(copy, part), { recursive: true });
    }
    const file = join(copy, 'src/backup', defect.file);
    const text = await readFile(file, 'utf8');
    if (text.split(defect.find).length !== 2)
      throw new Error(`"${defect.name}": its place is not found once in ${defect.file}`);
    await writeFile(
      file,
      text.replace(defect.find, () => defect.replace),
    );
    return { engine: await loadEngine(join(copy, 'src/backup')), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
