/**
 * Files that threads copy beside the one that reads the manifest: in batches, a few of them at a time, settled in the order in which they were given.
 * What a thread leaves undone is taken again by the caller, who says what is wrong with it.
 */
import type { ContentPlace, LocatedContent } from '../../backup/reader/types.js';
import { type Copied, type CopyJob, CopyThread, LARGEST_COPY } from '../../output/copy-thread.js';
import type { FolderTarget } from '../../output/folder-target.js';
import type { EntryFacts } from '../../output/output-target.js';

const FILES_A_BATCH = 128;
const BYTES_A_BATCH = 32 * 1024 * 1024;
/** For each thread: one that it works on, and one that waits. */
const BATCHES_A_THREAD = 2;

/** What the caller keeps of a file until it is settled. */
export interface LaneEntry {
  readonly facts: EntryFacts;
}

/** `bytes` undefined: it was left undone. */
export type Settle<Entry> = (entry: Entry, bytes: number | undefined) => Promise<void> | void;

interface Batch<Entry> {
  readonly entries: readonly Entry[];
  readonly holds: () => boolean;
  readonly copied: Promise<Copied>;
}

export class CopyLane<Entry extends LaneEntry> {
  readonly #target: FolderTarget;
  readonly #settle: Settle<Entry>;
  readonly #threads: CopyThread[];
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #running: Batch<Entry>[] = [];
  #entries: Entry[] = [];
  #jobs: CopyJob[] = [];
  #bytes = 0;
  #turn = 0;

  constructor(target: FolderTarget, threads: number, settle: Settle<Entry>) {
    this.#target = target;
    this.#settle = settle;
    this.#threads = Array.from({ length: threads }, (_, index) => new CopyThread(index, target.making, this.#stop));
  }

  /** @param sizeBytes as claimed. @returns false: the caller has to do it */
  add(entry: Entry, { path, expected, key }: ContentPlace, sizeBytes: number): boolean {
    const { facts } = entry;
    const size = expected?.sizeBytes ?? sizeBytes;
    const to = size > LARGEST_COPY ? undefined : this.#target.admit(facts);
    if (to === undefined) {
      key?.fill(0);
      return false;
    }
    // Never setuid, and always open to its owner: who extracts it wants to read it.
    const mode = (facts.mode & 0o777) | 0o600;
    this.#jobs.push({ from: path, expected, key, to, mode, mtime: facts.mtime, btime: facts.btime });
    this.#entries.push(entry);
    this.#bytes += size;
    return true;
  }

  /** What was added since the last time, all of it from one look at the records. */
  async send({ holds }: Pick<LocatedContent, 'holds'>): Promise<void> {
    if (this.#jobs.length === 0) return;
    const thread = this.#threads[this.#turn++ % this.#threads.length];
    if (thread === undefined) return;
    this.#running.push({ entries: this.#entries, holds, copied: thread.copy(this.#jobs) });
    [this.#entries, this.#jobs, this.#bytes] = [[], [], 0];
    while (this.#running.length > BATCHES_A_THREAD * this.#threads.length) await this.#settleOldest();
  }

  get isFull(): boolean {
    return this.#jobs.length >= FILES_A_BATCH || this.#bytes >= BYTES_A_BATCH;
  }

  /** Everything that was given is settled. */
  async drain(): Promise<void> {
    while (this.#running.length > 0) await this.#settleOldest();
  }

  /** At once, after a failure too: threads end their file without a trace. @param onDone told of each file that is there all the same */
  async close(onDone: (entry: Entry, bytes: number) => void): Promise<void> {
    Atomics.store(this.#stop, 0, 1);
    for (const { key } of this.#jobs) key?.fill(0);
    for (const { entries, copied } of this.#running.splice(0))
      (await copied).forEach((bytes, index) => {
        const entry = entries[index];
        if (entry !== undefined && bytes !== undefined) onDone(entry, bytes);
      });
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  async #settleOldest(): Promise<void> {
    const batch = this.#running.shift();
    if (batch === undefined) return;
    const copied = await batch.copied;
    const holds = batch.holds();
    for (const [index, entry] of batch.entries.entries()) {
      const bytes = copied[index];
      if (bytes !== undefined && !holds) this.#target.retract(entry.facts);
      const settled = this.#settle(entry, holds ? bytes : undefined);
      if (settled !== undefined) await settled;
    }
  }
}
