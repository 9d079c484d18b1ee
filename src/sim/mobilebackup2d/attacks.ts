/** A hostile path in a message. A computer must refuse one that leaves the phone's folder: a status of 0 is recorded as a violation. */
import { type PlistValue, plistDict } from '../../plist/value.js';
import { ATTACK_MESSAGES, ATTACK_PATHS, type AttackMessage, ESCAPING_PATHS } from '../scenarios/backup.js';
import { attackPath } from './attack-paths.js';
import { expectNoResult } from './device-link.js';
import { FinalAnswer } from './endings.js';
import { MemoryTarget } from './download-targets.js';
import { type HostDisk, realProgress } from './host-disk.js';
import type { BackupSession } from './session.js';

/** What is written where a computer lets the phone write. */
const LOOT = Buffer.from('written by a hostile phone\n');
const HARMLESS = `Snapshot/${'a'.repeat(40)}`;

export async function playAttack(session: BackupSession, scenario: string): Promise<void> {
  const [kindText, messageText] = scenario.split(':');
  const kind = ATTACK_PATHS.find((name) => name === kindText);
  const message = messageText === undefined ? 'upload' : ATTACK_MESSAGES.find((name) => name === messageText);
  if (kind === undefined || message === undefined) throw new TypeError(`attack=${scenario}`);
  const path = attackPath(kind, session.phone.udid);
  const harmless = session.hostPath(HARMLESS);
  const file = { devicePath: '/var/tmp/attack', hostPath: harmless, chunks: [LOOT] };
  if (message !== 'upload') {
    await session.disk.upload(
      { percent: 1, totalBytes: LOOT.length },
      async (stream) => void (await stream.file(file)),
    );
  }
  const accepted = await attack(session.disk, message, path, harmless);
  const escapes = ESCAPING_PATHS.some((name) => name === kind);
  if (accepted && escapes)
    session.phone.violation(`the computer accepted ${JSON.stringify(path.slice(0, 80))} in ${message}`);
  await session.disk.remove([harmless], 1);
}

/** @returns true when the computer did as it was told */
async function attack(disk: HostDisk, message: AttackMessage, path: string, harmless: string): Promise<boolean> {
  switch (message) {
    case 'upload': {
      const file = { devicePath: '/var/tmp/attack', hostPath: path, chunks: [LOOT] };
      const batch = { percent: 1, totalBytes: LOOT.length };
      return (await disk.upload(batch, async (stream) => void (await stream.file(file)))).code === 0;
    }
    case 'download':
      return (await disk.download([new MemoryTarget(path)], 1)).received.size > 0;
    case 'list':
      try {
        return (await disk.list(path)).size > 0;
      } catch (error) {
        if (error instanceof FinalAnswer) return false;
        throw error;
      }
    case 'list-message': {
      const { code, payload } = await disk.link.request(['DLMessageContentsOfDirectory', path, plistDict()]);
      return code === 0 && typeof payload === 'object' && Object.keys(payload).length > 0;
    }
    case 'mkdir':
      return (await disk.createDirectory(path)).code === 0;
    case 'move-from':
      return (await disk.move([[path, `${harmless.slice(0, -1)}b`]], 1)).code === 0;
    case 'move-to':
      return (await disk.move([[harmless, path]], 1)).code === 0;
    case 'move-files-from':
      return asked(disk, 'DLMessageMoveFiles', plistDict({ [path]: `${harmless.slice(0, -1)}b` }));
    case 'move-files-to':
      return asked(disk, 'DLMessageMoveFiles', plistDict({ [harmless]: path }));
    case 'remove':
      return (await disk.remove([path], 1)).code === 0;
    case 'remove-files':
      return asked(disk, 'DLMessageRemoveFiles', [path]);
    case 'copy-from':
      return (await disk.copy(path, `${harmless.slice(0, -1)}b`, 1)).code === 0;
    case 'copy-to':
      return (await disk.copy(harmless, path, 1)).code === 0;
  }
}

/** Under the name of older or newer phones than this one. */
async function asked({ link }: HostDisk, name: string, what: PlistValue): Promise<boolean> {
  return expectNoResult(await link.request([name, what, plistDict(), realProgress(1)]), name).code === 0;
}
