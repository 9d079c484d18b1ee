/** What happens, in the words of idevicebackup2 on stdout. Its bar is a line for each per cent, so that what reads `12% Finished` goes on doing so. */
import type { OperationEvent } from '../../events.js';
import { formatBytes, formatLimit } from '../../figures.js';
import { warningLines } from '../../ui/backup-view.js';
import { hanging } from '../../ui/errors.js';
import type { Terminal } from '../../ui/terminal.js';

const BAR = 50;

export interface DropInReport {
  onEvent(event: OperationEvent): void;
}

export function dropInReport({ out, err }: Terminal, full: boolean): DropInReport {
  let shown = -1;
  const progress = (percent: number) => {
    const whole = Math.floor(percent);
    if (whole <= shown) return;
    shown = whole;
    const filled = Math.round((whole / 100) * BAR);
    out.line(`[${'='.repeat(filled)}${' '.repeat(BAR - filled)}] ${String(whole).padStart(3)}% Finished`);
  };
  return {
    onEvent: (event) => {
      switch (event.type) {
        case 'start':
          if (event.command !== 'backup') return;
          out.line('Starting backup...');
          if (full) out.line('Enforcing full backup from device.');
          out.line(`Backup will be ${event.encrypted ? 'encrypted' : 'unencrypted'}.`);
          out.line('Requesting backup from device...');
          out.line(event.kind === 'full' ? 'Full backup mode.' : 'Incremental backup mode.');
          return;
        case 'progress':
          if (event.percent !== null) progress(event.percent);
          return;
        case 'prompt':
          if (event.state !== 'shown') return;
          out.line(
            event.prompt === 'trust'
              ? 'Waiting for the trust dialog to be accepted on the device.'
              : 'Waiting for the passcode to be entered on the device.',
          );
          err.line(`  At most ${formatLimit(event.timeoutSeconds)}.`);
          return;
        case 'file_error':
          for (const line of hanging(err.glyphs.attention, `${event.path}: ${event.message}`, err.width()))
            err.line(line);
          return;
        case 'warning':
          // The original knows no other kind of backup.
          if (event.reason !== 'not_encrypted') for (const line of warningLines(event, err)) err.line(line);
          return;
        case 'summary':
          out.line(`Received ${event.filesReceived} files from device.`);
          return;
        case 'restored':
          out.line(`Sent ${event.filesSent} files, ${formatBytes(event.bytesSent)}.`);
          if (event.restarts) out.line('The device should reboot now.');
          return;
        default:
      }
    },
  };
}
