/** Manifest.plist and the manifest go last into the Snapshot folder; the phone remembers what it sent, to check it at the end. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { manifestName } from '../backup-set/manifest-writer.js';
import { storedBytes } from '../backup-set/record.js';
import { storedChunks } from '../backup-set/stored-bytes.js';
import type { BackupRun } from './backup-run.js';
import { FinalAnswer } from './endings.js';

const PERCENT = 97;
const WORKSHOP = '/var/root/Library/Caches/Backup';

export interface SentManifests {
  readonly properties: Buffer;
  /** SHA-256 of the manifest as it was sent: encrypted, when it is. */
  readonly manifestSha256: string;
}

export async function uploadManifest(
  backup: BackupRun,
  properties: Buffer,
  manifestFile: string,
): Promise<SentManifests> {
  const { session, keys } = backup;
  const { phone, disk } = session;
  const name = manifestName(phone.profile);
  const { size } = await stat(manifestFile);
  const hash = createHash('sha256');
  const totalBytes = storedBytes(size, keys.manifest !== undefined);
  const status = await disk.upload({ percent: PERCENT, totalBytes }, async (stream) => {
    const plist = session.hostPath('Snapshot/Manifest.plist');
    await stream.file({ devicePath: `${WORKSHOP}/Manifest.plist`, hostPath: plist, chunks: [properties] });
    await stream.file({
      devicePath: `${WORKSHOP}/${name}`,
      hostPath: session.hostPath(`Snapshot/${name}`),
      chunks: storedChunks(createReadStream(manifestFile, { highWaterMark: 1024 * 1024 }), keys.manifest?.key),
      onBytes: (bytes) => void hash.update(bytes),
    });
    if (phone.scenarios.has('manifest-upload-error')) {
      // Some builds of iOS 17 fail to send this file and succeed all the same.
      await stream.file({
        devicePath: '/var/tmp/backup_manifest.db',
        hostPath: session.hostPath('Snapshot/backup_manifest.db'),
        chunks: [],
        fault: { code: 0x0b, text: 'No such file or directory (2)', afterData: false },
      });
    }
  });
  if (status.code !== 0) {
    throw new FinalAnswer(104, `Error uploading manifest: ${status.text} (${status.code}) (MBErrorDomain/104)`);
  }
  return { properties, manifestSha256: hash.digest('hex') };
}
