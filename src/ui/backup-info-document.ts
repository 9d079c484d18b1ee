/** `ibk info BACKUP --json`: one object, unknown is null and never left out. */
import { formatUtc } from '../figures.js';
import type { BackupFacts } from '../operations/backup-facts.js';
import type { Json } from './ndjson.js';

export function backupInfoDocument(facts: BackupFacts): Json {
  const { backup, version } = facts.chosen;
  return {
    v: 1,
    type: 'info',
    version: version.version,
    made_at: version.madeAt === null ? null : formatUtc(version.madeAt),
    path: backup.path,
    device: {
      udid: facts.udid,
      name: facts.name,
      model: facts.model,
      product_type: facts.productType,
      ios: facts.ios,
      build: facts.build,
      serial: facts.serial,
      imei: facts.imeis[0] ?? null,
      imei_2: facts.imeis[1] ?? null,
      meid: facts.meid,
      iccid: facts.iccids[0] ?? null,
      iccid_2: facts.iccids[1] ?? null,
      phone_number: facts.phoneNumbers[0] ?? null,
      phone_number_2: facts.phoneNumbers[1] ?? null,
      passcode_set: facts.passcodeSet,
    },
    encrypted: facts.encrypted,
    complete: version.complete,
    files: facts.files,
    bytes: facts.bytes,
    domains: facts.domains,
    apps: facts.apps,
    left_out: facts.leftOut,
    made_by: version.madeBy,
    duration_seconds: version.tookSeconds,
    itunes_version: facts.iTunesVersion,
    macos_version: facts.macOsVersion,
    versions: version.id === null ? null : backup.versions.length,
    history_bytes:
      version.id === null || backup.bytes === null || version.bytes === null
        ? null
        : Math.max(0, backup.bytes - version.bytes),
    missing: facts.missing === null ? null : facts.missing.map(({ domain, path, why }) => ({ domain, path, why })),
  };
}
