/** The phone's rule about space on the computer (protocol notes, 4.8; measured with iOS 14 to 26). */
import { FinalAnswer } from './endings.js';
import type { BackupSession } from './session.js';

const RESERVE = 128n * 1024n * 1024n;
const PURGE_MARGIN = 2n * 1024n ** 3n;
/** What `low-space` claims to need: 64 PiB. */
const ABSURD = 2n ** 56n;

/** Goes on when the free space exceeds upload plus 128 MiB; else asks for a purge (iOS 14+) and ends with 105. */
export async function checkSpace({ disk, phone }: BackupSession, uploadBytes: number): Promise<void> {
  const need = BigInt(uploadBytes) + RESERVE + (phone.scenarios.has('low-space') ? ABSURD : 0n);
  const free = await disk.freeSpace();
  if (free > need) return;
  if (phone.profile.purgesDiskSpace) {
    // A computer that says it has made room is believed once, and asked again (inferred).
    const purged = await disk.purge(need - free + PURGE_MARGIN);
    if (purged && (await disk.freeSpace()) > need) return;
  }
  throw new FinalAnswer(105, 'Insufficient free disk space on drive to back up (MBErrorDomain/105)');
}
