/** The table of `ibk devices`, what stands below it, and the lines of `--watch`. */
import type { ListedDevice } from '../operations/results.js';
import { formatAgo, formatTimeOfDay } from '../figures.js';
import { choosing, deviceNoun, linkWords, STATE_WORDS } from './device-words.js';
import { hanging } from './errors.js';
import { type Cell, type Column, renderTable } from './table.js';
import type { Screen } from './terminal.js';
import { padEnd, printable, shorten } from './text.js';

const WIDE = 120;

export interface DevicesView {
  readonly nowMs: number;
  readonly verbose: boolean;
}

export function devicesTable(devices: readonly ListedDevice[], screen: Screen, view: DevicesView): string[] {
  const width = screen.width();
  const withUdid = view.verbose || width === undefined || width >= WIDE;
  const columns: Column[] = [
    { heading: 'Name', flexible: true },
    { heading: 'Model', flexible: true },
    { heading: 'iOS' },
    { heading: 'Link' },
    { heading: 'State' },
    ...(withUdid ? [{ heading: 'UDID' }] : []),
    { heading: 'Backup' },
  ];
  const rows = devices.map((device): Cell[] => [
    { text: printable(device.name), paint: screen.style.strong },
    { text: device.model === null ? screen.glyphs.unknown : printable(device.model) },
    { text: device.ios === null ? screen.glyphs.unknown : printable(device.ios) },
    { text: linkWords(device.links) },
    { text: STATE_WORDS[device.state], paint: device.state === 'ready' ? screen.style.done : screen.style.attention },
    ...(withUdid ? [{ text: device.udid }] : []),
    { text: backupWords(device, screen, view.nowMs) },
  ]);
  return renderTable({ columns, rows }, screen);
}

function backupWords({ lastBackup }: ListedDevice, { glyphs }: Screen, nowMs: number): string {
  if (lastBackup.kind === 'complete') return formatAgo(lastBackup.madeAt, nowMs);
  return lastBackup.kind === 'incomplete' ? 'incomplete' : glyphs.unknown;
}

/** What a person has to do before these devices can be backed up. */
export function devicesAdvice(devices: readonly ListedDevice[], screen: Screen): string[] {
  return devices.flatMap((device) => {
    const words = adviceWords(device, devices.length);
    if (words === undefined) return [];
    const [what, next] = words;
    const text = `${what} ${screen.glyphs.next} ${next}`;
    return hanging(screen.glyphs.attention, text, screen.width()).map((line) => screen.style.attention(line));
  });
}

function adviceWords(device: ListedDevice, among: number): [string, string] | undefined {
  const name = printable(device.name);
  switch (device.state) {
    case 'unreachable':
      return [`${name} does not answer.`, 'Unlock it, unplug it and plug it in again.'];
    case 'not_trusted':
      return [`${name} does not trust this computer.`, `ibk pair${choosing(device.name, among)}`];
    case 'locked':
      return [`${name} has not been unlocked since it started.`, 'Unlock it once.'];
    case 'setup_not_finished':
      return [`${name} has not finished its set-up.`, `Finish it on the ${deviceNoun(device.productType)}.`];
    case 'ready':
      return undefined;
  }
}

export function noDevicesLines(screen: Screen): string[] {
  return [
    'No iPhone or iPad found. usbmuxd is running and sees no device.',
    `${screen.glyphs.next} Plug one in with a data cable and unlock it. Still nothing: ibk doctor`,
  ];
}

/** `08:00:12  + Anna's iPhone   USB       ready      00008120-000A1D2E0C88401E` */
export function watchLine(change: 'attached' | 'detached', device: WatchedDevice, now: Date, screen: Screen): string {
  const width = screen.width();
  const name = width === undefined ? printable(device.name) : shorten(printable(device.name), 24, screen.glyphs.more);
  const state = change === 'attached' ? (device.state === null ? '' : STATE_WORDS[device.state]) : 'unplugged';
  const sign = change === 'attached' ? screen.style.done('+') : screen.style.dim('-');
  const columns = [padEnd(name, 14), padEnd(linkWords(device.links), 8), padEnd(state, 9), device.udid];
  return `${formatTimeOfDay(now)}  ${sign} ${columns.join('  ')}`;
}

export interface WatchedDevice extends Pick<ListedDevice, 'udid' | 'name' | 'links'> {
  readonly state: ListedDevice['state'] | null;
}
