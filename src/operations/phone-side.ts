/**
 * `Info`, `List` and `Unback` as idevicebackup2 has them: the phone reads the backup from this computer and answers. ibk reads backups itself; this is for
 * comparing with what a phone makes of one. Phones from iOS 10 on fail at List and Unback (libimobiledevice #422, #1224).
 */
import type { AskPassword } from '../backup/reader/password.js';
import { makePrivateFolder } from '../io/private-files.js';
import { placeError } from '../output/output-errors.js';
import { answerError } from '../protocol/mobilebackup2/errors.js';
import { askPhone } from './ask-phone.js';
import type { ChosenBackup } from './choose-backups.js';
import type { OperationContext } from './context.js';
import { withBackup } from './open-backup.js';
import { openSelected } from './open-device.js';
import { RestoreHost } from './restore/host.js';
import { RestoreScratch } from './restore/scratch.js';
import { KeptPassword } from './restore/source.js';
import { RestoreView } from './restore/view.js';
import type { PhoneSideAnswer } from './results.js';
import type { SelectedDevice } from './select-device.js';
import { unbackHost, writeUnpacked } from './unback-host.js';

export interface PhoneSideOptions {
  readonly request: 'Info' | 'List' | 'Unback';
  readonly chosen: ChosenBackup;
  /** Where the backup lies, and where the phone may write meanwhile. */
  readonly root: string;
  readonly password?: AskPassword | undefined;
  readonly word?: string | undefined;
  /** Of Unback: a new folder. */
  readonly to: string;
  readonly platform: NodeJS.Platform;
  readonly umask: number;
}

/** @throws IbkError what the phone answered; as opening a backup and a device */
export async function askAboutBackup(
  ctx: OperationContext,
  selected: SelectedDevice,
  { request, chosen, root, to, word, platform, umask, ...options }: PhoneSideOptions,
): Promise<PhoneSideAnswer> {
  const { signal } = ctx;
  const password = new KeptPassword(options.password);
  const scratch = new RestoreScratch(root, selected.udid, ctx.clock);
  try {
    return await withBackup(chosen, { root, password: password.asked, word, signal }, async (opened, files) => {
      await opened.unlock();
      const secret = opened.encrypted ? password.accepted() : undefined;
      const view = new RestoreView(files, scratch);
      try {
        const modifiedMs = opened.status?.date?.getTime() ?? 0;
        for await (const { path, fault, sizeBytes } of files.files({ signal }))
          if (fault === undefined) view.add(path, sizeBytes, modifiedMs);
        view.ready();
        await using held = await openSelected(ctx, selected, { pair: 'if_unknown' });
        const { udid, noun } = held.device;
        const source = chosen.backup.udid;
        const reading = new RestoreHost(source, view, scratch, () => ctx.clock.now());
        const host = request === 'Unback' ? unbackHost(reading, source) : reading;
        const answer = await askPhone(ctx, held.device, {
          what: 'request',
          notEntered: {
            meaning: 'Nothing was changed.',
            hint: `Have the ${noun} at hand, then run the same line again.`,
          },
          exchange: (backup, events) =>
            backup.phoneSide({ name: request, udid, source, password: secret?.bytes().toString('utf8') }, host, events),
        });
        if (answer.errorCode !== 0) {
          throw answerError(answer).with({
            meaning: `The ${noun} said so of this backup; nothing was changed. Newer iOS reads none by itself.`,
            hint: `Without the ${noun}: the same line without --device-side`,
          });
        }
        const said = { request, udid, name: selected.name, content: answer.content ?? null };
        if (request !== 'Unback') return { ...said, path: null, files: null, bytes: null };
        await makePrivateFolder(to).catch((error: unknown) => {
          throw placeError(error, 'The folder');
        });
        return { ...said, path: to, ...(await writeUnpacked(view, to, { platform, umask, signal })) };
      } finally {
        secret?.wipe();
        view.close();
      }
    });
  } finally {
    password.wipe();
    scratch.close();
  }
}
