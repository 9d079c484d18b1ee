/** The JSON lines about the files of a backup. A file is one object a line; the last line says how many there were. */
import { formatUtc } from '../figures.js';
import type { FoundRun } from '../operations/find-versions.js';
import type { AppSum, DomainSum, ListedFile, Sum } from '../operations/list-files.js';
import type { Json } from './ndjson.js';

export interface LineHead {
  readonly udid: string;
  readonly now: Date;
}

const head = (type: string, { udid, now }: LineHead) => ({ v: 1, type, time: formatUtc(now), udid });

export function fileLine({ domain, path, fileId, kind, facts, sha256 }: ListedFile, of: LineHead): Json {
  return {
    ...head('file', of),
    domain,
    path,
    file_id: fileId,
    kind,
    bytes: facts?.bytes ?? null,
    mode: facts?.mode ?? null,
    mtime: timeOf(facts?.mtime ?? null),
    btime: timeOf(facts?.btime ?? null),
    target: facts?.target ?? null,
    sha256,
  };
}

/** One state of a file, and in which versions it is. */
export function runLine({ file, first, last }: FoundRun, of: LineHead): Json {
  return matchOf(file, first.version, last.version, of);
}

export function matchLine(file: ListedFile, version: string | null, of: LineHead): Json {
  return matchOf(file, version, version, of);
}

function matchOf(file: ListedFile, first: string | null, last: string | null, of: LineHead): Json {
  const { domain, path, kind, facts } = file;
  return {
    ...head('match', of),
    domain,
    path,
    kind,
    bytes: facts?.bytes ?? null,
    mtime: timeOf(facts?.mtime ?? null),
    first_version: first,
    last_version: last,
  };
}

export function domainLine({ domain, files, bytes }: DomainSum, of: LineHead): Json {
  return { ...head('domain', of), domain, files, bytes };
}

export function appLine({ bundleId, name, files, bytes }: AppSum, of: LineHead): Json {
  return { ...head('app', of), bundle_id: bundleId, name, files, bytes };
}

export interface ListEnd extends Sum {
  readonly command: 'list' | 'find';
  readonly version: string | null;
  /** 3: some backups could not be read. */
  readonly exit: 0 | 3;
}

export function listSummary({ command, version, exit, files, bytes }: ListEnd, udid: string | null, now: Date): Json {
  const code = exit === 0 ? 'ok' : 'partial';
  return { v: 1, type: 'summary', time: formatUtc(now), udid, command, code, exit, version, files, bytes };
}

/** A record may hold any number; RFC 3339 has years of four digits. */
export function timeOf(seconds: number | null): string | null {
  if (seconds === null) return null;
  const date = new Date(seconds * 1000);
  const year = Number.isNaN(date.getTime()) ? -1 : date.getUTCFullYear();
  return year < 0 || year > 9999 ? null : formatUtc(date);
}
