/** Paths that leave the phone's folder, one in each kind of message. A computer must refuse each: a status of 0 is recorded as a violation. */
import { ATTACK_MESSAGES, ATTACK_PATHS, type AttackMessage, type AttackPath } from '../scenarios/backup.js';
import { FinalAnswer } from './endings.js';
import type { HostDisk } from './host-disk.js';
import { MemoryTarget } from './read-state.js';
import type { BackupSession } from './session.js';

/** What is written where a computer lets the phone write. */
const LOOT = Buffer.from('written by a hostile phone\n');
const HARMLESS = `Snapshot/${'a'.repeat(40)}`;

export function attackPath(kind: AttackPath, udid: string): string {
  switch (kind) {
    case 'parent':
      return '../escaped.txt';
    case 'parent-inside':
      return `${udid}/../../escaped.txt`;
    case 'absolute':
      return '/tmp/ibk-sim-escaped.txt';
    case 'other-device':
      return '00000000-0000000000000000/Status.plist';
    case 'ibk-folder':
      return `.ibk/${udid}/head`;
    case 'ibk-inside':
      return `${udid}/../.ibk/${udid}/head`;
    case 'drive':
      return 'C:\\escaped.txt';
    case 'nul':
      return `${udid}/Snapshot/a\0b`;
    case 'backslash':
      return `${udid}\\..\\..\\escaped.txt`;
    case 'long':
      return `${udid}/Snapshot/${'n'.repeat(5000)}`;
    case 'deep':
      return `${udid}/Snapshot/${'d/'.repeat(2500)}x`;
    case 'empty':
      return '';
  }
}

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
  if (accepted) session.phone.violation(`the computer accepted ${JSON.stringify(path.slice(0, 80))} in ${message}`);
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
    case 'mkdir':
      return (await disk.createDirectory(path)).code === 0;
    case 'move-from':
      return (await disk.move([[path, `${harmless.slice(0, -1)}b`]], 1)).code === 0;
    case 'move-to':
      return (await disk.move([[harmless, path]], 1)).code === 0;
    case 'remove':
      return (await disk.remove([path], 1)).code === 0;
    case 'copy-from':
      return (await disk.copy(path, `${harmless.slice(0, -1)}b`, 1)).code === 0;
    case 'copy-to':
      return (await disk.copy(harmless, path, 1)).code === 0;
  }
}
