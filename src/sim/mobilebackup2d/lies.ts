/** `lie=HOW`: the phone says that the backup is a success, and it is none. What is said is right in form, so only the files can tell. */
import { FinalAnswer } from './endings.js';
import { type BackupRun, sendStatus } from './backup-run.js';
import { payloadPath } from './payload.js';

export type Lie = 'nothing' | 'no-manifest' | 'missing-file' | 'unfinished';

/** Tells the lie if it is this one, and its time has come. @throws FinalAnswer success */
export async function tellLie(backup: BackupRun, lie: Lie): Promise<void> {
  const { session, plan } = backup;
  if (session.phone.scenarios.value('lie') !== lie) return;
  if (lie === 'missing-file') {
    const sent = plan.items.find(({ uploadBytes, failed }) => uploadBytes !== undefined && !failed);
    if (sent !== undefined)
      await session.disk.remove([session.hostPath(payloadPath(session.phone.profile, sent.fileId))], 99);
  }
  if (lie === 'no-manifest' || lie === 'missing-file') await sendStatus(backup, 'finished', session.hostPath(''), 100);
  throw new FinalAnswer(0, '');
}
