/** `ibk find --all-versions`: when a file appeared, changed and vanished, over all versions of a device, oldest first. */
import { asIbkError, type IbkError } from '../errors.js';
import { openTemporarySqlite, type SqliteDatabase } from '../io/sqlite.js';
import { BackupStore } from '../backup/store.js';
import type { VersionReader } from '../backup/versions/resolve.js';
import { type FindOptions, findFiles } from './find-files.js';
import type { FileFacts, ListedFile } from './list-files.js';
import { withBackup, type WithBackupOptions } from './open-backup.js';
import type { ListedBackup, ListedVersion } from './results.js';
import { passwordOfSeveral } from './several-passwords.js';

/** A file as it was, unchanged, in these versions and in all between them. */
export interface FoundRun {
  readonly file: ListedFile;
  readonly first: ListedVersion;
  readonly last: ListedVersion;
  /** The newest version that was searched has the file no more. */
  readonly isGone: boolean;
}

export interface FindVersionsOptions extends Omit<WithBackupOptions, 'unlock'> {
  readonly find: FindOptions;
  /** A version that cannot be read is passed over. */
  readonly onProblem: (version: ListedVersion, problem: IbkError) => void;
}

/** To be disposed: what was found lies on the disk meanwhile. */
export interface FoundInVersions extends Disposable {
  /** Files, and the bytes of each where it was last. */
  readonly files: number;
  readonly bytes: number;
  /** By domain and path, and of each the oldest first. */
  runs(): Generator<FoundRun, void>;
}

const SCHEMA = `CREATE TABLE run(domain TEXT, path TEXT, first INTEGER, last INTEGER, bytes INTEGER, json TEXT,
  PRIMARY KEY(domain, path, last)) WITHOUT ROWID`;

/** @throws IbkError as `findFiles`; when no version can be read, what the first one said */
export async function findInVersions(backup: ListedBackup, options: FindVersionsOptions): Promise<FoundInVersions> {
  const versions = backup.versions.filter(({ editedFrom }) => editedFrom === null).reverse();
  const next = passwordOfSeveral(options.password);
  const database = openTemporarySqlite();
  const problems: IbkError[] = [];
  try {
    database.exec(SCHEMA);
    const searched: ListedVersion[] = [];
    await new BackupStore(options.root, backup.udid).reading(async (_ctx, reader) => {
      for (const version of versions) {
        try {
          const chosen = { backup, version };
          await withBackup(chosen, { ...options, password: next() }, async (opened) => {
            const found = new RunsSoFar(database, searched, version, reader);
            for await (const page of findFiles(opened, options.find)) found.add(page);
          });
          searched.push(version);
        } catch (error) {
          const known = asIbkError(error);
          if (options.signal?.aborted || known.code === 'bug' || known.code === 'usage') throw error;
          problems.push(known);
          options.onProblem(version, known);
        }
      }
    });
    const [first] = problems;
    if (searched.length === 0 && first !== undefined) throw first;
    return foundIn(database, searched);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The files of one version join the runs of the version before it, or begin their own. */
class RunsSoFar {
  readonly #seq: number;
  readonly #previous: ListedVersion | undefined;
  readonly #version: ListedVersion;
  readonly #reader: VersionReader;
  readonly #add: (files: readonly ListedFile[]) => void;

  constructor(
    database: SqliteDatabase,
    searched: readonly ListedVersion[],
    version: ListedVersion,
    reader: VersionReader,
  ) {
    this.#seq = searched.length;
    this.#previous = searched.at(-1);
    this.#version = version;
    this.#reader = reader;
    const before = database.prepare('SELECT json FROM run WHERE domain = ? AND path = ? AND last = ?').pluck();
    const extend = database.prepare('UPDATE run SET last = ? WHERE domain = ? AND path = ? AND last = ?');
    const insert = database.prepare('INSERT OR IGNORE INTO run VALUES (?, ?, ?, ?, ?, ?)');
    this.#add = database.transaction((files: readonly ListedFile[]) => {
      for (const file of files) {
        const { domain, path } = file;
        const json = before.get(domain, path, this.#seq - 1);
        if (json !== undefined && this.#isSame(JSON.parse(String(json)), file))
          extend.run(this.#seq, domain, path, this.#seq - 1);
        else insert.run(domain, path, this.#seq, this.#seq, file.facts?.bytes ?? null, JSON.stringify(file));
      }
    });
  }

  add(page: readonly ListedFile[]): void {
    this.#add(page);
  }

  #isSame(before: ListedFile, file: ListedFile): boolean {
    if (before.kind !== file.kind || !isAlike(before.facts, file.facts)) return false;
    const [one, other] = [this.#previous?.id ?? null, this.#version.id];
    if (file.kind !== 'file' || one === null || other === null) return true;
    return this.#reader.hasChanged(one, other, `${file.fileId.slice(0, 2)}/${file.fileId}`) !== true;
  }
}

function isAlike(a: FileFacts | null, b: FileFacts | null): boolean {
  if (a === null || b === null) return a === b;
  return a.bytes === b.bytes && a.mtime === b.mtime && a.target === b.target;
}

function foundIn(database: SqliteDatabase, searched: readonly ListedVersion[]): FoundInVersions {
  const lasts = 'SELECT domain, path, max(last) AS last FROM run GROUP BY domain, path';
  const sums = database
    .prepare<unknown[], { files: number; bytes: number }>(
      `SELECT count(*) AS files, total(bytes) AS bytes FROM run JOIN (${lasts}) USING (domain, path, last)`,
    )
    .get();
  const runs = database.prepare<unknown[], { first: number; last: number; newest: number; json: string }>(
    `SELECT first, run.last AS last, newest, json FROM run
     JOIN (SELECT domain, path, max(last) AS newest FROM run GROUP BY domain, path) USING (domain, path)
     ORDER BY domain, path, first`,
  );
  return {
    files: sums?.files ?? 0,
    bytes: sums?.bytes ?? 0,
    runs: function* () {
      for (const { first, last, newest, json } of runs.iterate()) {
        const [from, to] = [searched[first], searched[last]];
        if (from === undefined || to === undefined) continue;
        const file: ListedFile = JSON.parse(json);
        yield { file, first: from, last: to, isGone: last === newest && last < searched.length - 1 };
      }
    },
    [Symbol.dispose]: () => database.close(),
  };
}
