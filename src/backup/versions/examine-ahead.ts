/** Files of a version that threads look at, a few pages ahead of who takes them: those that are as the records have them, which nearly all are. */
import { type HashJob, HashThreads, LARGEST_HASHED } from '../disk/hash-thread.js';
import type { Damage } from './damage.js';
import type { ExaminedFile, VerifyOptions } from './examine.js';
import type { VersionReader } from './resolve.js';

/** A version with fewer files is done before a thread has started. */
export const FILES_A_PAGE = 256;
const PAGES_AHEAD = 4;

export interface Page {
  readonly paths: readonly string[];
  /** Those that are whole, by their path. Of any other nothing is known. */
  readonly whole: ReadonlyMap<string, ExaminedFile>;
}

const NONE: Page['whole'] = new Map();

/** In the order of `pages`. @param damage paths that are known to be damaged */
export async function* examineAhead(
  reader: VersionReader,
  version: string,
  pages: AsyncIterable<readonly string[]>,
  damage: ReadonlyMap<string, Damage>,
  options: VerifyOptions & { readonly isRead: (path: string) => boolean },
): AsyncGenerator<Page, void> {
  const threads = new HashThreads();
  const running: Promise<Page>[] = [];
  const stop = () => threads.stop();
  options.signal?.addEventListener('abort', stop);
  const look = async (paths: readonly string[]): Promise<Page> => {
    const located = paths.length < FILES_A_PAGE ? undefined : reader.locate(version, paths);
    if (located === undefined) return { paths, whole: NONE };
    const sums = reader.checksums(version, paths);
    const asked: { readonly path: string; readonly sum: string | null; readonly job: HashJob }[] = [];
    located.places.forEach((place, index) => {
      const [path = '', sum = null] = [paths[index], sums[index]];
      const expected = place?.expected ?? null;
      if (place === undefined || expected === null || damage.has(path)) return;
      const reads = sum !== null && options.isRead(path);
      if (!reads || expected.sizeBytes <= LARGEST_HASHED)
        asked.push({ path, sum, job: { path: place.path, expected, reads } });
    });
    const looked = await threads.look(
      asked.map(({ job }) => job),
      (bytes) => options.onRead?.(bytes),
    );
    if (!located.holds()) return { paths, whole: NONE };
    const whole = new Map<string, ExaminedFile>();
    asked.forEach(({ path, sum, job: { expected, reads } }, index) => {
      if (looked[index] !== (reads ? sum : '-')) return;
      const { sizeBytes } = expected;
      whole.set(path, { path, fault: undefined, sizeBytes, compared: reads, withoutChecksum: sum === null });
    });
    return { paths, whole };
  };
  try {
    for await (const paths of pages) {
      running.push(look(paths));
      const oldest = running.length > PAGES_AHEAD ? running.shift() : undefined;
      if (oldest !== undefined) yield await oldest;
    }
    for (let next = running.shift(); next !== undefined; next = running.shift()) yield await next;
  } finally {
    options.signal?.removeEventListener('abort', stop);
    await threads.close();
    await Promise.allSettled(running);
  }
}
