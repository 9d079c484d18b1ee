/**
 * A restore as the phone runs it: reads what describes the backup, looks whether all of it is there, takes every file, and puts it in place when it starts anew.
 *
 * The order is that of logs of real phones. Inferred: that the folders are listed, the checks of versions, what becomes of the phone's own files, and that a
 * phone takes over the backup password unless it keeps its settings. `RestoreSystemFiles` and `RestoreDontCopyBackup` are recorded and change nothing:
 * which files the first leaves out is not known, and the second is the phone's own affair.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isPlistDict, type PlistDict } from '../../plist/value.js';
import type { ClassKeys } from '../backup-set/open-keybag.js';
import { itemKey } from '../content/assemble.js';
import type { ContentItem } from '../content/item.js';
import { playAttack } from './attacks.js';
import { FinalAnswer, ProtocolViolation } from './endings.js';
import { MemoryTarget } from './download-targets.js';
import { receiveItems } from './restore-files.js';
import { readSource, type RestoreSource } from './restore-source.js';
import type { BackupSession } from './session.js';

interface RestoreOptions {
  readonly flags: Readonly<Record<string, boolean>>;
  readonly password: string | undefined;
}

/** @throws FinalAnswer when the restore fails. When it returns the phone has everything, and is to restart unless the computer said not to. */
export async function runRestore(session: BackupSession, request: PlistDict): Promise<{ restart: boolean }> {
  const { phone } = session;
  const { flags, password } = readOptions(request);
  phone.stats.restoreOptions.push({ ...flags });
  const folder = sourceFolder(session, request);
  await session.enter('passcode');
  if (phone.findMy) throw new FinalAnswer(211, 'Find My iPhone must be disabled before restoring (MBErrorDomain/211)');
  const workFolder = await mkdtemp(join(tmpdir(), 'ibk-sim-'));
  try {
    const source = await readSource(session, { folder, password, workFolder });
    await session.enter('scan');
    for (const scenario of phone.scenarios.values('attack')) await playAttack(session, scenario);
    if (phone.scenarios.has('restore-copy')) await copyOnHost(session, folder);
    checkRoom(session, source);
    await session.enter('receive');
    const target = await phone.restoreFolder();
    const restored = await receiveItems(session, source, target);
    await session.disk.download([], 97);
    await session.enter('finish');
    if (phone.restorePending) throw pending();
    const items = flags.RemoveItemsNotRestored === true ? restored : await overlay(session, restored);
    phone.stageRestore({ items, folder: target });
    takeOverPassword(session, source.classKeys, password, flags);
    phone.stats.restores += 1;
    return { restart: flags.RestoreShouldReboot !== false };
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

const FLAGS = [
  'RestoreSystemFiles',
  'RestoreShouldReboot',
  'RestoreDontCopyBackup',
  'RestorePreserveSettings',
  'RemoveItemsNotRestored',
];

function readOptions({ Options: options = {} }: PlistDict): RestoreOptions {
  if (!isPlistDict(options)) throw new ProtocolViolation('Restore: Options is no dictionary');
  const flags: Record<string, boolean> = {};
  for (const key of FLAGS) {
    const value = options[key];
    if (value === undefined) continue;
    if (typeof value !== 'boolean') throw new ProtocolViolation(`Restore: ${key} is no boolean`);
    flags[key] = value;
  }
  const { Password: password } = options;
  if (password !== undefined && typeof password !== 'string')
    throw new ProtocolViolation('Restore: Password is no string');
  return { flags, password };
}

export function sourceFolder({ phone }: BackupSession, { SourceIdentifier: source = phone.udid }: PlistDict): string {
  if (typeof source === 'string' && source !== '' && !source.includes('/')) return source;
  throw new ProtocolViolation('the SourceIdentifier is no folder name');
}

function checkRoom({ phone }: BackupSession, { files }: RestoreSource): void {
  const need = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (need < phone.freeBytes) return;
  const figures = `${phone.freeBytes} bytes < ${need} bytes`;
  throw new FinalAnswer(105, `Insufficient free disk space on device to restore (${figures}) (MBErrorDomain/105)`);
}

/** A computer must not let this into the backup that it restores from (that phones ask for it at all was never seen). */
async function copyOnHost({ disk, phone }: BackupSession, folder: string): Promise<void> {
  const [from, to] = [`${folder}/Info.plist`, `${folder}/Info.plist.restore`];
  const original = new MemoryTarget(from);
  const copy = new MemoryTarget(to);
  await disk.download([original], 1);
  const { code, text } = await disk.copy(from, to, 1);
  if (code !== 0) throw new FinalAnswer(1, `Error copying ${from}: ${text} (${code}) (MBErrorDomain/1)`);
  await disk.download([copy], 1);
  if (!copy.bytes.equals(original.bytes)) phone.violation('a file that was copied on the computer has other bytes');
}

/** Seen: a second restore without a restart between them. */
function pending(): FinalAnswer {
  const path = '/var/.backup.i';
  return new FinalAnswer(
    102,
    `Failed to move the incomplete restore directory into place at ${path}: it exists (MBErrorDomain/102)`,
  );
}

/** What the backup does not have stays as it is. */
async function overlay({ phone }: BackupSession, restored: readonly ContentItem[]): Promise<ContentItem[]> {
  const all = new Map((await phone.content.items()).map((item) => [itemKey(item), item]));
  for (const item of restored) all.set(itemKey(item), item);
  return [...all.values()];
}

/** Seen: phones whose backups are encrypted with a password that came from an older phone. */
function takeOverPassword(
  { phone }: BackupSession,
  keys: ClassKeys | undefined,
  password: string | undefined,
  flags: RestoreOptions['flags'],
): void {
  if (keys === undefined || password === undefined || flags.RestorePreserveSettings === true) return;
  if (phone.encryption?.password !== password) phone.setEncryption({ password });
}
