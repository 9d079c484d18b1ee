import { formatUtc } from '../figures.js';
import type { VerifyReport } from '../operations/verify-report.js';
import type { Json } from './ndjson.js';

/** One report, damaged or not. */
export function verifyDocument(report: VerifyReport): Json {
  return {
    v: 1,
    type: 'verify',
    udid: report.udid,
    name: report.name,
    version: report.version,
    made_at: report.madeAt === null ? null : formatUtc(report.madeAt),
    path: report.path,
    code: report.code,
    exit: report.exit,
    read_data: report.readData,
    read_data_subset: report.subset,
    encrypted: report.encrypted,
    unlocked: report.unlocked,
    manifest: report.manifest,
    files_total: report.files,
    files_checked: report.present,
    files_not_sent: report.notSent,
    files_compared: report.compared,
    files_without_checksum: report.withoutChecksum,
    files_adopted: report.adopted,
    bytes: report.bytes,
    bytes_compared: report.bytesCompared,
    problems: report.problems.map(({ kind, path, domain, relativePath, intactIn }) => ({
      kind,
      domain,
      path: relativePath ?? path,
      stored_as: path,
      intact_in: intactIn === null ? null : intactIn.map(({ version }) => version),
    })),
    warnings: report.warnings.map(({ kind, path }) => ({ kind, path })),
  };
}
