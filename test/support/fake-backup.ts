/** A backup in memory, for what works on records and does not care where they come from. */
import type { FileContent, FileDetails, FileRecord, OpenedBackup, RecordQuery } from '../../src/backup/reader/types.js';
import type { PlistDict } from '../../src/plist/value.js';

export interface FakeFile {
  readonly path: `${string}/${string}`;
  readonly kind?: FileRecord['kind'];
  readonly details?: Partial<FileDetails>;
}

const DETAILS: FileDetails = {
  mode: 0o644,
  sizeBytes: 0,
  mtime: 1_700_000_000,
  ctime: null,
  btime: null,
  target: null,
  userId: 501,
  groupId: 501,
  inode: null,
  protectionClass: 3,
  wrappedKey: null,
  digest: null,
  extendedAttributes: null,
};

export interface FakeBackup extends OpenedBackup {
  /** The queries it was asked. */
  readonly asked: RecordQuery[];
}

/** @param paths `HomeDomain/Library/SMS/sms.db`; the domain ends at the first `/` */
export function fakeBackup(
  paths: readonly (string | FakeFile)[],
  facts: Partial<Pick<OpenedBackup, 'encrypted' | 'info' | 'manifest'>> = {},
): FakeBackup {
  const records = paths.map((each, index) => recordOf(each, index));
  const asked: RecordQuery[] = [];
  return {
    era: 'db',
    encrypted: false,
    info: undefined,
    manifest: undefined,
    status: undefined,
    ...facts,
    asked,
    async *records(query: RecordQuery = {}) {
      asked.push(query);
      const found = records.filter((record) => holds(query, record));
      for (let at = 0; at < found.length; at += 3) yield found.slice(at, at + 3);
    },
    find: async (domain, path) => records.find((record) => record.domain === domain && record.relativePath === path),
    unlock: async () => undefined,
    content: (): FileContent | undefined => undefined,
    stored: () => undefined,
    copyManifest: async () => {
      throw new Error('no manifest');
    },
    editManifest: async () => {
      throw new Error('no manifest');
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function holds({ domains, below, matches }: RecordQuery, { domain, relativePath }: FileRecord): boolean {
  if (domains !== undefined && !domains.includes(domain)) return false;
  if (below !== undefined && relativePath !== below && !relativePath.startsWith(`${below}/`)) return false;
  return matches === undefined || matches(domain, relativePath);
}

function recordOf(given: string | FakeFile, index: number): FileRecord {
  const { path, kind = 'file', details = {} } = typeof given === 'string' ? { path: given } : given;
  const cut = path.indexOf('/');
  return {
    fileId: index.toString(16).padStart(40, '0'),
    domain: cut === -1 ? path : path.slice(0, cut),
    relativePath: cut === -1 ? '' : path.slice(cut + 1),
    kind,
    details: () => ({ ...DETAILS, ...details }),
  };
}

/** As they lie in Info.plist. */
export function infoWithApps(apps: Readonly<Record<string, Buffer | undefined>>): PlistDict {
  return {
    'Installed Applications': Object.keys(apps),
    Applications: Object.fromEntries(
      Object.entries(apps).map(([id, metadata]): [string, PlistDict] => [
        id,
        metadata === undefined ? {} : { iTunesMetadata: metadata },
      ]),
    ),
  };
}
