/**
 * Unback: the phone reads every file of a backup and sends it back under its name on the phone, below `_unback_/<UDID>/var`. It was
 * seen to work up to iOS 9, and in part on iOS 12; which part nobody says. Here iOS 12 sends what lies in /var/mobile (inferred).
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dirname } from 'node:path/posix';
import type { PlistDict } from '../../plist/value.js';
import { domainRoot } from '../content/domains.js';
import type { ContentItem } from '../content/item.js';
import { passwordOf, refuseDatabase } from './describe-backup.js';
import { FinalAnswer } from './endings.js';
import type { OperationOutcome } from './operations.js';
import { receiveItems } from './restore-files.js';
import { sourceFolder } from './restore-run.js';
import { readSource } from './restore-source.js';
import type { BackupSession } from './session.js';

export async function unpackBackup(session: BackupSession, request: PlistDict): Promise<OperationOutcome> {
  const folder = sourceFolder(session, request);
  const isPartly = session.phone.profile.id === '12';
  if (!isPartly) refuseDatabase(session, folder);
  const workFolder = await mkdtemp(join(tmpdir(), 'ibk-sim-'));
  try {
    const source = await readSource(session, { folder, password: passwordOf(request), workFolder });
    const items = await receiveItems(session, source, workFolder);
    const top = `_unback_/${folder}/var`;
    await session.disk.createDirectory(top);
    const made = new Set<string>();
    for (const item of items) {
      const root = domainRoot(item.domain);
      if (isPartly && !root.startsWith('/mobile/') && root !== '/mobile') continue;
      const path = `${top}${root}/${item.relativePath}`;
      // A database names files in any order: its folder may come later.
      const parent = dirname(path);
      if (item.kind === 'file' && !made.has(parent)) await session.disk.createDirectory(parent);
      made.add(parent);
      await sendBack(session, path, item);
    }
    return {};
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

async function sendBack({ disk }: BackupSession, hostPath: string, item: ContentItem): Promise<void> {
  if (item.kind === 'directory') {
    await disk.createDirectory(hostPath.replace(/\/$/, ''));
    return;
  }
  if (item.kind !== 'file' || item.source.kind !== 'disk') return;
  const file = { devicePath: `/var/tmp/unback`, hostPath, chunks: createReadStream(item.source.path) };
  const batch = { percent: 50, totalBytes: item.sizeBytes };
  const { code, text } = await disk.upload(batch, async (stream) => void (await stream.file(file)));
  if (code !== 0) throw new FinalAnswer(104, `Multiple errors uploading files: ${text} (${code}) (MBErrorDomain/104)`);
}
