/** Plays one connection of the backup service from a script. */
import type { Duplex } from 'node:stream';
import { isPlistDict, type PlistValue } from '../../plist/value.js';
import { type HostMessage, PhoneDeviceLink } from '../mobilebackup2d/device-link.js';
import { readDownloads } from '../mobilebackup2d/download-stream.js';
import { UploadStream } from '../mobilebackup2d/upload-stream.js';
import type { SimulatedPhone } from '../phone/phone.js';
import type { DeviceLinkStep } from './device-link-steps.js';
import type { ReplayPlayer } from './player.js';
import { StandIns } from './stand-ins.js';
import type { TracedFileRecord } from './trace-file.js';

/** Resolves when the script or the link is at its end, and closes the stream. What the computer does otherwise is noted, not refused. */
export async function playDeviceLink(
  stream: Duplex,
  phone: SimulatedPhone,
  player: ReplayPlayer,
  steps: readonly DeviceLinkStep[],
): Promise<void> {
  const link = new PhoneDeviceLink(stream, {
    signal: phone.signal,
    clock: phone.clock,
    faults: { chunkBytes: undefined },
    onSent: (name) => {
      phone.backupStats.sent[name] = (phone.backupStats.sent[name] ?? 0) + 1;
    },
  });
  const standIns = new StandIns(phone.profile, player.encrypted, steps);
  for (const [i, step] of steps.entries()) {
    try {
      if (!(await play(step, link, standIns, phone, player))) break;
    } catch (error) {
      player.diverged(
        `devicelink step ${i + 1} of ${steps.length}: ${error instanceof Error ? error.message : String(error)}`,
      );
      break;
    }
  }
  stream.end();
}

/** @returns false when the link ends here */
async function play(
  step: DeviceLinkStep,
  link: PhoneDeviceLink,
  standIns: StandIns,
  phone: SimulatedPhone,
  player: ReplayPlayer,
): Promise<boolean> {
  switch (step.kind) {
    case 'send':
      await link.send(step.message);
      return true;
    case 'notify':
      phone.notifications.notify(step.name);
      return true;
    case 'unplug':
      phone.unplug();
      return false;
    case 'upload':
      link.put(step.message);
      for (const file of step.files) await sendFile(link, standIns, file);
      if (step.answered) link.putRaw(0, Buffer.alloc(0));
      await link.output.flush();
      return true;
    case 'download': {
      await link.send(step.message);
      const paths = Array.isArray(step.message[1]) ? step.message[1].map(String) : [];
      const targets = paths.map((path) => ({ path, receive: () => {} }));
      await link.waiting((signal) => readDownloads(link.reader, targets, signal));
      return step.answered;
    }
    case 'expect':
      compare(await link.receive(), step, player);
      return step.name !== 'DLMessageDisconnect';
  }
}

async function sendFile(link: PhoneDeviceLink, standIns: StandIns, file: TracedFileRecord): Promise<void> {
  const stream = new UploadStream(link.output, Math.max(1, Math.ceil(file.bytes / Math.max(1, file.blocks))));
  const chunks = standIns.content(file.hostPath, file.bytes);
  const paths = { devicePath: file.devicePath, hostPath: file.hostPath, chunks };
  if (file.code === 0) await stream.file(paths);
  else await stream.file({ ...paths, fault: { code: file.code, text: file.error, afterData: file.bytes > 0 } });
}

/** The same message again: its name; of a status, its code and the keys of its answer. */
function compare(message: HostMessage, step: DeviceLinkStep & { kind: 'expect' }, player: ReplayPlayer): void {
  if (message.name !== step.name) {
    player.diverged(`devicelink: ${message.name} where the trace has ${step.name}`);
    return;
  }
  const now = summary(message.elements);
  const then = summary(step.message);
  if (now !== then) player.diverged(`devicelink: ${message.name} ${now} where the trace has ${then}`);
}

function summary(elements: readonly PlistValue[]): string {
  return elements
    .slice(1)
    .map((value) => {
      if (isPlistDict(value)) return `{${Object.keys(value).sort().join(' ')}}`;
      if (typeof value === 'bigint' || typeof value === 'number')
        return Math.abs(Number(value)) < 1000 ? String(value) : 'integer';
      return typeof value === 'string' ? 'string' : typeof value;
    })
    .join(', ');
}
