/** The JSON document of `ibk diff`, piece by piece: it is as long as what differs. */
import type { ChosenBackup } from '../operations/choose-backups.js';
import type { BackupDiff } from '../operations/diff/diff.js';
import { timeOf } from './file-documents.js';
import { type Json, jsonLine } from './ndjson.js';

export function* diffPieces(
  diff: BackupDiff,
  [from, to]: readonly [ChosenBackup, ChosenBackup],
  withFiles: boolean,
): Generator<string, void> {
  const { added, changed, removed, bytes } = diff.counts;
  const head = {
    v: 1,
    type: 'diff',
    from: from.version.version,
    to: to.version.version,
    from_udid: from.backup.udid,
    to_udid: to.backup.udid,
    from_path: from.backup.path,
    to_path: to.backup.path,
    files_added: added,
    files_changed: changed,
    files_removed: removed,
    bytes_delta: bytes,
  };
  yield `${pieceOf(head).slice(0, -1)},"domains":`;
  yield* listPieces(diff.domains(), (each) => ({
    domain: each.domain,
    files_added: each.added,
    files_changed: each.changed,
    files_removed: each.removed,
    bytes_delta: each.bytes,
  }));
  yield ',"files":';
  if (!withFiles) yield 'null';
  else
    yield* listPieces(diff.files(), ({ change, domain, path, kind, before, after }) => ({
      change,
      domain,
      path,
      kind,
      bytes_before: before?.bytes ?? null,
      bytes_after: after?.bytes ?? null,
      mtime_before: timeOf(before?.mtime ?? null),
      mtime_after: timeOf(after?.mtime ?? null),
    }));
  yield '}\n';
}

function* listPieces<T>(items: Iterable<T>, write: (item: T) => Json): Generator<string, void> {
  yield '[';
  let before = '';
  for (const item of items) {
    yield before + pieceOf(write(item));
    before = ',';
  }
  yield ']';
}

const pieceOf = (value: Json): string => jsonLine(value).trimEnd();
