/**
 * The scan: every file of the folder against the catalog, by stat (5.6 µs a file). A file of the same size under another time is hashed.
 * Only files with Apple's names, and those that the store put there, are looked at; all others are never touched.
 */
import type { FileIdentity } from '../disk/file-identity.js';
import type { FileStat } from '../disk/file-system.js';
import type { Catalog } from './catalog.js';
import type { StoreContext } from './context.js';
import { sha256OfPath } from './identity.js';
import { comparePaths, isHashFolder, isManagedName } from './names.js';

/** `changed`: another file is there, or none, or a new one. `renewed`: the same bytes under a new time. */
export type ScanFinding =
  | {
      readonly kind: 'changed';
      readonly path: string;
      readonly was: FileIdentity | null;
      readonly is: FileIdentity | null;
    }
  | { readonly kind: 'renewed'; readonly path: string; readonly is: FileIdentity };

/** Differences in order of their paths. `folders`: only files directly in these (`''`: the top), or all. */
export async function* scanFolder(
  ctx: StoreContext,
  catalog: Catalog,
  folders: 'all' | ReadonlySet<string>,
): AsyncGenerator<ScanFinding, void> {
  yield* scanInto(ctx, catalog, '', folders);
}

async function* scanInto(
  ctx: StoreContext,
  catalog: Catalog,
  folder: string,
  wanted: 'all' | ReadonlySet<string>,
): AsyncGenerator<ScanFinding, void> {
  const { fs, layout } = ctx;
  const known = catalog.folder(folder);
  const within = (name: string) => (folder === '' ? name : `${folder}/${name}`);
  const files = new Set<string>();
  const folders = new Set(known.folders);
  const lookAtFiles = wanted === 'all' || wanted.has(folder.split('/')[0] ?? '');
  if (lookAtFiles) for (const name of known.files.keys()) files.add(name);
  if (lookAtFiles || folder === '') {
    for (const { name, kind } of fs.list(folder === '' ? layout.folder : layout.inFolder(folder)) ?? []) {
      if (kind === 'directory') {
        if (folder === '' && isHashFolder(name)) folders.add(name);
      } else if (lookAtFiles && isManagedName(within(name))) files.add(name);
    }
  }
  const order = [...files, ...[...folders].map((name) => `${name}/`)].sort(comparePaths);
  for (const name of order) {
    const turn = ctx.pause();
    if (turn !== undefined) await turn;
    if (name.endsWith('/')) {
      yield* scanInto(ctx, catalog, within(name.slice(0, -1)), wanted);
      continue;
    }
    const finding = compareFile(ctx, within(name), known.files.get(name) ?? null);
    if (finding !== undefined) yield finding;
  }
}

function compareFile(ctx: StoreContext, path: string, was: FileIdentity | null): ScanFinding | undefined {
  const place = ctx.layout.inFolder(path);
  const stat = ctx.fs.stat(place);
  if (stat === undefined || stat.kind !== 'file')
    return was === null ? undefined : { kind: 'changed', path, was, is: null };
  if (was === null) return { kind: 'changed', path, was, is: identityOfStat(stat, null) };
  if (stat.sizeBytes !== was.size) return { kind: 'changed', path, was, is: identityOfStat(stat, null) };
  if (stat.mtimeUs === was.mtimeUs) return undefined;
  const sha256 = was.sha256 === null ? null : (sha256OfPath(ctx.fs, place) ?? null);
  const is = identityOfStat(stat, sha256);
  return sha256 !== null && sha256 === was.sha256 ? { kind: 'renewed', path, is } : { kind: 'changed', path, was, is };
}

export function identityOfStat(stat: FileStat, sha256: string | null): FileIdentity {
  return { size: stat.sizeBytes, mtimeUs: stat.mtimeUs, sha256 };
}
