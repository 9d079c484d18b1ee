/** What a computer may ask the backup service to do, by the name of its request. */
import type { PlistDict } from '../../plist/value.js';
import { runBackup } from './backup-run.js';
import { changePassword } from './change-password.js';
import { describeBackup, listBackup } from './describe-backup.js';
import { FinalAnswer, ProtocolViolation } from './endings.js';
import { runRestore } from './restore-run.js';
import type { BackupSession } from './session.js';
import { unpackBackup } from './unback.js';

export interface OperationOutcome {
  /** `Content` of the answer. */
  readonly content?: string;
  /** The phone starts anew after its answer. */
  readonly restart?: boolean;
  /** There is no answer: the phone erases itself at once. */
  readonly silent?: boolean;
}

type Operation = (session: BackupSession, request: PlistDict) => Promise<OperationOutcome>;

const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  [
    'Backup',
    async (session, request) => {
      await runBackup(session, request);
      return {};
    },
  ],
  ['Restore', runRestore],
  ['ChangePassword', changePassword],
  ['Info', describeBackup],
  ['List', listBackup],
  ['Unback', unpackBackup],
  ['EnableCloudBackup', enableCloudBackup],
  ['EraseDevice', async () => ({ silent: true })],
]);

/** @throws FinalAnswer when it fails */
export async function runOperation(
  session: BackupSession,
  name: string,
  request: PlistDict,
): Promise<OperationOutcome> {
  const operation = OPERATIONS.get(name);
  if (operation === undefined) {
    throw new FinalAnswer(1, `This simulated iPhone does not play ${name} yet (MBErrorDomain/1)`);
  }
  return operation(session, request);
}

async function enableCloudBackup(session: BackupSession, request: PlistDict): Promise<OperationOutcome> {
  const { CloudBackupState: state } = request;
  if (typeof state !== 'boolean') throw new ProtocolViolation('EnableCloudBackup: CloudBackupState is no boolean');
  await session.enter('scan');
  session.phone.setCloudBackup(state);
  return {};
}
