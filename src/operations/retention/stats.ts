/** `ibk stats`: what each device's backups take, and what they would take as full copies. */
import { BackupStore } from '../../backup/store.js';
import type { ListedBackup } from '../results.js';

export interface DeviceStats {
  readonly udid: string;
  readonly name: string;
  /** Null: there is no whole backup that ibk keeps. */
  readonly newestBytes: number | null;
  readonly historyBytes: number | null;
  readonly manifestBytes: number | null;
  readonly totalBytes: number | null;
  readonly versions: number | null;
  readonly fullCopiesBytes: number | null;
}

/** @throws IbkError `damaged`, `incompatible` */
export async function statsOf(root: string, { udid, name, bytes, versions }: ListedBackup): Promise<DeviceStats> {
  const kept = versions.filter(({ id }) => id !== null);
  if (kept.length === 0) {
    const unknown = {
      newestBytes: null,
      historyBytes: null,
      manifestBytes: null,
      versions: null,
      fullCopiesBytes: null,
    };
    return { udid, name, totalBytes: bytes, ...unknown };
  }
  const store = new BackupStore(root, udid);
  const history = store.history();
  const all = history?.versions ?? [];
  const current = all.find((version) => version.current);
  const newestBytes = current === undefined ? 0 : current.facts.bytes + current.facts.metadataBytes;
  const totalBytes = history?.bytes ?? 0;
  return {
    udid,
    name,
    newestBytes,
    historyBytes: totalBytes - newestBytes,
    manifestBytes: (await store.space()).manifestBytes,
    totalBytes,
    versions: all.length,
    fullCopiesBytes: all.reduce((sum, { facts }) => sum + facts.bytes + facts.metadataBytes, 0),
  };
}
