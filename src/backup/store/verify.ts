/** Is a version whole? Every file of it is found and has its size; with `readData`, its checksum too (finds bit rot). */
import type { Catalog } from './catalog.js';
import { openCatalogForReading } from './catalog-read.js';
import type { StoreContext } from './context.js';
import type { FileIdentity } from './change-list.js';
import type { ReadableFile } from './file-system.js';
import { sha256OfFile } from './identity.js';
import type { VersionReader } from './resolve.js';

const PAGE = 1_000;

export interface VerifyProblem {
  readonly path: string;
  /** `lost`: overwritten or removed by another program. `size`, `content`: not what was received. */
  readonly kind: 'lost' | 'size' | 'content';
}

export interface VerifyResult {
  readonly files: number;
  readonly bytes: number;
  /** Files whose checksum was compared. */
  readonly compared: number;
  /** Files that have no checksum: another program made them. */
  readonly withoutChecksum: number;
  readonly problems: readonly VerifyProblem[];
}

export interface VerifyOptions {
  readonly readData?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export async function verifyVersion(
  ctx: StoreContext,
  reader: VersionReader,
  version: string,
  options: VerifyOptions,
): Promise<VerifyResult> {
  const catalog = await openCatalogForReading(ctx, reader);
  try {
    return await verifyFiles(ctx, reader, catalog, version, options);
  } finally {
    catalog.close();
  }
}

async function verifyFiles(
  ctx: StoreContext,
  reader: VersionReader,
  catalog: Catalog,
  version: string,
  options: VerifyOptions,
): Promise<VerifyResult> {
  const sum = { files: 0, bytes: 0, compared: 0, withoutChecksum: 0 };
  const problems: VerifyProblem[] = [];
  for await (const path of pathsOf(ctx, catalog, version)) {
    options.signal?.throwIfAborted();
    const reading = reader.open(version, path);
    if (reading.state === 'absent' || reading.state === 'no_version') continue;
    sum.files += 1;
    if (reading.state === 'lost') {
      problems.push({ path, kind: 'lost' });
      continue;
    }
    const { file, expected } = reading;
    try {
      sum.bytes += file.stat().sizeBytes;
      const wrong = compare(file, expected, options.readData === true);
      if (wrong !== undefined) problems.push({ path, kind: wrong });
      if (expected === null || expected.sha256 === null) sum.withoutChecksum += 1;
      else if (options.readData === true) sum.compared += 1;
    } finally {
      file.close();
    }
  }
  return { ...sum, problems };
}

function compare(
  file: ReadableFile,
  expected: FileIdentity | null,
  readData: boolean,
): VerifyProblem['kind'] | undefined {
  if (expected === null) return undefined;
  if (file.stat().sizeBytes !== expected.size) return 'size';
  return readData && expected.sha256 !== null && sha256OfFile(file) !== expected.sha256 ? 'content' : undefined;
}

/** Every path that the version may have; the reader says which it has. */
export async function* pathsOf(ctx: StoreContext, catalog: Catalog, version: string): AsyncGenerator<string, void> {
  const seq = catalog.version(version)?.seq ?? Number.MAX_SAFE_INTEGER;
  for (let after = ''; ; ) {
    const page = catalog.pathsOfVersion(seq, after, PAGE);
    for (const path of page) {
      const turn = ctx.pause();
      if (turn !== undefined) await turn;
      yield path;
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last;
  }
}
