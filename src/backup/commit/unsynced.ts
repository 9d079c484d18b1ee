/**
 * `--durability relaxed` and `none`: the content of a backup is not forced onto the disk before it takes the place of the last one. A kill, a full disk and
 * errors do no harm then either; a power cut can leave files of the newest backup empty or torn, and nothing of the versions before it. The head says so until a later
 * start knows better: the same start of the computer has seen the content onto the disk since, or what was received is compared with its checksums.
 *
 * Damage found makes the folder an unfinished state, like one that another program left: its version keeps what is whole, and the device sends everything again.
 */
import type { FileIdentity } from '../disk/file-identity.js';
import type { Catalog } from '../records/catalog.js';
import { listPath } from '../records/catalog-sync.js';
import { readChangeList } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import { putHead } from '../records/head.js';
import type { Head } from '../records/head-record.js';
import { isExactly, sha256OfPath } from '../records/identity.js';
import { settleFolder } from './adopt.js';

const PAGE = 1_000;
/** No file has it: the scan then compares the checksum, or finds the file changed where there is none. */
const NO_TIME_US = -1;

/** With no operation pending. Returns the head; where it has an operation now, that is to be run, and this called again. */
export async function settleUnsynced(ctx: StoreContext, catalog: Catalog, head: Head): Promise<Head> {
  const { unsynced } = head;
  if (unsynced === null) return head;
  if (unsynced.boot !== '' && unsynced.boot === ctx.boot) {
    // In the cache since then, if not on the disk already. Where that cannot be forced at once, the next start looks again.
    return (await ctx.fs.syncAll(ctx.layout.own)) ? putHead(ctx, head, { unsynced: null }) : head;
  }
  const damaged = await damagedFiles(ctx, catalog, head);
  if (damaged.length === 0) return putHead(ctx, head, { unsynced: null });
  catalog.setFiles(damaged.map(([path, expected]) => [path, { ...expected, mtimeUs: NO_TIME_US }]));
  return settleFolder(ctx, catalog, head, 'all', 'power_cut');
}

async function damagedFiles(ctx: StoreContext, catalog: Catalog, head: Head): Promise<[string, FileIdentity][]> {
  const damaged: [string, FileIdentity][] = [];
  for await (const path of receivedPaths(ctx, catalog, head)) {
    const expected = catalog.file(path);
    const place = ctx.layout.inFolder(path);
    if (expected === undefined) continue;
    const isWhole =
      expected.sha256 === null
        ? isExactly(ctx.fs.stat(place), expected)
        : sha256OfPath(ctx.fs, place) === expected.sha256;
    if (!isWhole) damaged.push([path, expected]);
  }
  return damaged;
}

/** What the last commit brought: by its list, or everything where it was the first. */
async function* receivedPaths(ctx: StoreContext, catalog: Catalog, head: Head): AsyncGenerator<string, void> {
  const entry = head.chain.at(-1);
  if (entry !== undefined) {
    for (const line of readChangeList(ctx.fs, listPath(ctx, entry), entry.listSha256)) {
      if (line.new !== null) yield line.p;
      await ctx.pause();
    }
    return;
  }
  for (let after = ''; ; ) {
    const page = catalog.pathsAfter('', after, PAGE);
    for (const path of page) {
      yield path;
      await ctx.pause();
    }
    const last = page.at(-1);
    if (last === undefined) return;
    after = last;
  }
}
