/**
 * ibk as a library: what its commands are made of. Importing it does nothing. Failures are IbkError, progress comes as events.
 *
 * ```ts
 * const context = createContext({ onEvent: show });
 * const [device] = await selectDevices(context, { udids: [], link: 'any' });
 * if (device !== undefined) await backupWithRetries(context, device, { root: '/backups', full: false, retries: 0 });
 * ```
 */
export { type ErrorCode, ERROR_CATALOG, IbkError, type IbkErrorInit, type Phase } from './errors.js';
export type * from './events.js';
export { type AttemptOptions, backupWithRetries } from './operations/backup-attempts.js';
export { backupDevices } from './operations/backup-several.js';
export type { OperationContext, Timeouts } from './operations/context.js';
export { type ContextOptions, createContext } from './operations/create-context.js';
export { deviceInfo } from './operations/device-info.js';
export { type DeviceChange, type ListDevicesOptions, listDevices, watchDevices } from './operations/devices.js';
export { type DoctorOptions, doctor } from './operations/doctor.js';
export { type ChoosingOptions, type ChosenBackup, chooseBackups, chooseVersion } from './operations/choose-backups.js';
export { type BackupWordOptions, type ChosenFiles, chooseBackup } from './operations/backup-word.js';
export { type ListBackupsOptions, listBackups } from './operations/list-backups.js';
export { type BackupFacts, backupFacts, type BackupFactsOptions, type MissingFile } from './operations/backup-facts.js';
export { type FindOptions, findFiles } from './operations/find-files.js';
export {
  type AppSum,
  type DomainSum,
  type FileFacts,
  type ListedFile,
  listFiles,
  type ListFilesOptions,
  sumApps,
  sumDomains,
} from './operations/list-files.js';
export { type BackupDiff, diffBackups, type DiffCounts, type DomainDiff } from './operations/diff/diff.js';
export type { Change, Difference } from './operations/diff/differences.js';
export { type BackupPair, withPair } from './operations/diff/pair.js';
export {
  findInVersions,
  type FindVersionsOptions,
  type FoundInVersions,
  type FoundRun,
} from './operations/find-versions.js';
export { AppIndex, type BackupApp } from './operations/selection/apps.js';
export { appsOf, selectedRecords } from './operations/selection/records.js';
export { select, type Selection, type SelectionOptions } from './operations/selection/selection.js';
export type { SortOrder } from './operations/sort-files.js';
export {
  openBackupAt,
  type OpenBackupAtOptions,
  withBackup,
  type WithBackupOptions,
} from './operations/open-backup.js';
export { type OpenBackupOptions, openBackup } from './backup/reader/open-backup.js';
export type { AskPassword } from './backup/reader/password.js';
export * from './backup/reader/types.js';
export { Secret } from './io/secret.js';
export { openFileStream } from './operations/file-stream.js';
export { folderSource } from './backup/reader/backup-source.js';
export { extractFiles, type ExtractFilesOptions } from './operations/extract/extract-files.js';
export {
  extractBackup,
  type ExtractBackupOptions,
  type ExtractResult,
  planBackupExtraction,
} from './operations/extract/extract-backup.js';
export type * from './operations/extract/report.js';
export { decrypt, type DecryptBackupOptions } from './operations/decrypt.js';
export { checkPassword } from './operations/check-password.js';
export { pairDevice, type PairResult, unpairDevice, type UnpairResult, validatePairing } from './operations/pair.js';
export { planBackup } from './operations/plan-backup.js';
export type * from './operations/results.js';
export {
  changeEncryption,
  type EncryptionAction,
  type EncryptionChange,
  encryptionStatus,
} from './operations/encryption.js';
export { setWifi, wifiStatus } from './operations/wifi.js';
export { setCloudBackup } from './operations/cloud-backup.js';
export { eraseDevice, planErase } from './operations/erase.js';
export { DEFAULT_RESTORE, restore, type RestoreOptions, type RestoreOutcome } from './operations/restore/restore.js';
export type * from './operations/restore/results.js';
export type * from './operations/verify-report.js';
export { type LinkChoice, type SelectedDevice, selectDevices, type SelectOptions } from './operations/select-device.js';
export { verify, type VerifyOptions } from './operations/verify.js';
export { type PlannedRepair, prepareRepair, type RepairOptions, type RepairResult } from './operations/repair.js';
export { openTraceFile, type TraceFile } from './trace/recorder.js';
export { VERSION } from './version.js';
