/**
 * A version that is put together in a folder of its own, and is none until a head names it (docs/store.md 7): taken in at the bottom of the chain, or a changed
 * copy of another. A marker lies in the folder meanwhile; what a killed run has built goes away with the next start (clean.ts).
 */
import { createHash } from 'node:crypto';
import type { FileIdentity } from '../disk/file-identity.js';
import { makeDirectories, needDirectories, parentOf, removeTree } from '../disk/file-system.js';
import { type ChangeLine, ChangeListWriter } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import type { ChangeCounts, VersionRecord } from '../records/head-record.js';
import { BUILDING } from '../records/layout.js';
import { identityOfStat } from '../records/scan.js';
import { ChangeTally } from '../records/tally.js';
import { describeVersion } from './run-commit.js';

export interface BuiltVersion {
  readonly delta: string;
  readonly listSha256: string;
  readonly counts: ChangeCounts;
}

export class VersionBuilder {
  readonly #ctx: StoreContext;
  readonly #id: string;
  readonly #delta: string;
  readonly #writer: ChangeListWriter;
  readonly #tally = new ChangeTally();
  readonly #folders = new Set<string>();

  private constructor(ctx: StoreContext, id: string, delta: string, to: string) {
    const { fs, layout } = ctx;
    this.#ctx = ctx;
    this.#id = id;
    this.#delta = delta;
    this.#writer = new ChangeListWriter(fs, `${layout.version(id)}/${delta}`, { udid: layout.udid, from: id, to });
  }

  /** @param to the version that its list leads to: the next newer one, or the base of a copy */
  static async begin(ctx: StoreContext, id: string, delta: string, to: string): Promise<VersionBuilder> {
    const { fs, layout } = ctx;
    const folder = layout.version(id);
    await needDirectories(fs, [folder]);
    const marker = fs.create(`${folder}/${BUILDING}`);
    marker.sync();
    marker.close();
    await fs.syncDirectories([folder]);
    return new VersionBuilder(ctx, id, delta, to);
  }

  /** Puts content where the list will say that it is. Each piece is done with when the next is asked for. */
  async put(path: string, pieces: AsyncIterable<Buffer>): Promise<FileIdentity> {
    const { fs, layout, pause } = this.#ctx;
    const place = layout.slot(this.#id, path);
    makeDirectories(fs, parentOf(place));
    this.#folders.add(parentOf(place));
    const file = fs.create(place);
    const hash = createHash('sha256');
    try {
      for await (const piece of pieces) {
        hash.update(piece);
        file.write([piece]);
        const turn = pause();
        if (turn !== undefined) await turn;
      }
      return identityOfStat(file.stat(), hash.digest('hex'));
    } finally {
      file.close();
    }
  }

  /** In order of the paths. `old`: what this version has; `then`: what the one has that the list leads to. */
  add(p: string, old: FileIdentity | null, then: FileIdentity | null): void {
    const at = this.#id;
    const line: ChangeLine = { p, k: old === null ? 'absent' : 'stored', at, src: null, old, new: then };
    this.#writer.add(line);
    this.#tally.add(line);
  }

  /** What both lack is no difference. */
  addUnlessSame(p: string, old: FileIdentity | null, then: FileIdentity | null): void {
    if (old !== null || then !== null) this.add(p, old, then);
  }

  /** A line of another version, whose content stays where it is. */
  keep(line: ChangeLine): void {
    this.#writer.add(line);
    this.#tally.add({ ...line, old: null });
  }

  /** All of it is on the disk; a head may name it. @param next undefined: it is no part of the chain */
  async finish(record: VersionRecord, next: string | undefined): Promise<BuiltVersion> {
    const { fs, layout } = this.#ctx;
    const folder = layout.version(this.#id);
    const { sha256: listSha256 } = this.#writer.finish();
    if (!(await fs.syncAll(folder))) await this.#syncFiles();
    describeVersion(this.#ctx, record, next);
    await needDirectories(fs, this.#folders);
    await fs.syncDirectories([...this.#folders, folder]);
    return { delta: this.#delta, listSha256, counts: this.#tally.counts() };
  }

  /** After the head that names it. */
  async named(): Promise<void> {
    const { fs, layout } = this.#ctx;
    const folder = layout.version(this.#id);
    fs.unlink(`${folder}/${BUILDING}`);
    await fs.syncDirectories([folder]);
  }

  /** What was built goes away; what cannot be removed, the next start removes. */
  async abandon(): Promise<void> {
    const { fs, layout } = this.#ctx;
    this.#writer.abandon();
    try {
      await removeBuilt(this.#ctx, this.#id);
      fs.removeDirectory(layout.version(this.#id));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }

  async #syncFiles(): Promise<void> {
    const { fs, pause } = this.#ctx;
    for (const folder of this.#folders)
      for (const { name, kind } of fs.list(folder) ?? []) {
        if (kind === 'file') fs.syncFile(`${folder}/${name}`);
        const turn = pause();
        if (turn !== undefined) await turn;
      }
  }
}

/** The marker last: without it nobody would know what the rest is. */
export async function removeBuilt({ fs, layout }: StoreContext, id: string): Promise<void> {
  const folder = layout.version(id);
  for (const { name, kind } of fs.list(folder) ?? []) {
    if (kind === 'directory') removeTree(fs, `${folder}/${name}`);
    else if (name !== BUILDING) fs.unlink(`${folder}/${name}`);
  }
  await fs.syncDirectories([folder]);
  fs.unlink(`${folder}/${BUILDING}`);
}
