/**
 * A changed copy of a version (docs/store.md 7): a version of its own whose list says what it differs in from its base. Everything else is the base's own files;
 * the base is not touched, and stays as long as the copy does. A copy of a copy has the base of that, and shares what that put there.
 */
import { IbkError } from '../../errors.js';
import type { FileIdentity } from '../disk/file-identity.js';
import type { Catalog } from '../records/catalog.js';
import { applyLines, listPath } from '../records/catalog-sync.js';
import { type ChangeLine, readChangeList } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import { nextDelta, putHead } from '../records/head.js';
import type { EditEntry, Head, VersionRecord } from '../records/head-record.js';
import { comparePaths, isMetadata } from '../records/names.js';
import { packManifests } from '../versions/pack-manifests.js';
import { newVersion } from './adopt.js';
import { VersionBuilder } from './build-version.js';

/** By path: the new content, or null where the copy has none. Each is asked for once. */
export type VersionChanges = ReadonlyMap<string, AsyncIterable<Buffer> | null>;

/** @throws IbkError `not_found`; what reading the new content throws; then nothing is left */
export async function editVersion(
  ctx: StoreContext,
  catalog: Catalog,
  head: Head,
  of: string,
  changes: VersionChanges,
): Promise<{ readonly head: Head; readonly entry: EditEntry }> {
  const copied = head.edits.find(({ id }) => id === of);
  const original = [...head.chain, head.current].find((kept) => kept?.id === (copied?.base ?? of));
  if (original === undefined || original === null)
    throw new IbkError('not_found', `There is no version ${of}.`, { reason: 'version' });
  const base = original.id;
  const record: VersionRecord = newVersion(ctx, head, ctx.now(), (copied ?? original).facts, { origin: 'edit' });
  const identityOf = identitiesOf(catalog, base);
  const builder = await VersionBuilder.begin(ctx, record.id, nextDelta(head), base);
  let entry: EditEntry;
  try {
    const lines = copied === undefined ? new Map<string, ChangeLine>() : linesOf(ctx, copied);
    const kept = new Map([...lines].filter(([path]) => !changes.has(path)));
    const facts = { ...(copied ?? original).facts };
    const made = new Map<string, FileIdentity | null>();
    for (const [path, content] of changes) {
      const before = lines.get(path)?.old ?? (lines.has(path) ? null : identityOf(path));
      const identity = content === null ? null : await builder.put(path, content);
      count(facts, path, before, identity);
      made.set(path, identity);
    }
    for (const path of [...made.keys(), ...kept.keys()].sort(comparePaths)) {
      const line = kept.get(path);
      if (line !== undefined) builder.keep(line);
      else builder.addUnlessSame(path, made.get(path) ?? null, identityOf(path));
    }
    const described: VersionRecord = { ...record, facts };
    entry = { ...described, base, ...(await builder.finish(described, undefined)) };
  } catch (error) {
    await builder.abandon();
    throw error;
  }
  const named = await putHead(ctx, head, { edits: [...head.edits, entry] });
  await builder.named();
  await applyLines(ctx, catalog, catalog.nextEdit(), entry);
  await packManifests(ctx, catalog, named);
  return { head: named, entry };
}

function identitiesOf(catalog: Catalog, base: string): (path: string) => FileIdentity | null {
  const from = catalog.version(base)?.seq;
  const to = catalog.versions().at(-1)?.seq;
  return (path) => {
    const line = from === undefined || to === undefined ? undefined : catalog.line(path, from, to);
    return line === undefined ? (catalog.file(path) ?? null) : line.old;
  };
}

/** What an edited copy differs in: as many as a person changed. */
function linesOf(ctx: StoreContext, copied: EditEntry): Map<string, ChangeLine> {
  const found = new Map<string, ChangeLine>();
  for (const line of readChangeList(ctx.fs, listPath(ctx, copied), copied.listSha256)) found.set(line.p, line);
  return found;
}

function count(
  facts: { files: number; bytes: number; metadataBytes: number },
  path: string,
  before: FileIdentity | null,
  after: FileIdentity | null,
): void {
  const grown = (after?.size ?? 0) - (before?.size ?? 0);
  if (isMetadata(path)) facts.metadataBytes += grown;
  else {
    facts.bytes += grown;
    facts.files += (after === null ? 0 : 1) - (before === null ? 0 : 1);
  }
}
