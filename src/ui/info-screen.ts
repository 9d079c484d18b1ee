/** Everything about one connected device. What it does not tell is left out. */
import type { DeviceInfo } from '../operations/results.js';
import { formatAgo, formatBytes, formatDate, formatPercent } from '../figures.js';
import { linkWords } from './device-words.js';
import type { Screen } from './terminal.js';
import { displayWidth, padEnd, printable } from './text.js';
import { shortVersion } from './versions.js';

const LABEL = 11;
const FIELD = 13;

/** @param verbose also settings that have nothing to do with a backup of this computer */
export function infoLines(info: DeviceInfo, screen: Screen, nowMs: number, verbose = false): string[] {
  const { facts, build } = info;
  const model = facts.model === facts.productType ? facts.model : `${facts.model} (${facts.productType})`;
  const ios = `iOS ${facts.ios}${build === null ? '' : ` (${build})`}`;
  const heading = `${screen.style.strong(printable(facts.name))} ${screen.glyphs.dot} ${printable(`${model}, ${ios}`)}`;
  const rows: (readonly [string, string])[][] = [
    [['Link', linkAndUdid(info)]],
    phone(info),
    [...storage(info), ...battery(info)],
    [
      ...onOff('Encryption', info.backupsEncrypted),
      ...onOff('Find My', info.findMy),
      ...(info.passcodeSet === null ? [] : ([['Passcode', info.passcodeSet ? 'set' : 'not set']] as const)),
    ],
    [...(info.locked === true ? ([['State', 'not unlocked since it started']] as const) : [])],
    verbose ? [...onOff('Wi-Fi', info.wifiConnections), ...onOff('iCloud backup', info.cloudBackup)] : [],
    [['Last backup', lastBackup(info, nowMs)]],
  ];
  return [heading, ...rows.filter((row) => row.length > 0).map(joinFacts)];
}

/** The first fact has the label column; values fill whole fields, so that what follows lines up from row to row. */
function joinFacts(row: readonly (readonly [string, string])[]): string {
  const parts = row.map(([label, value], index) => {
    const padded = padEnd(value, Math.ceil((displayWidth(value) + 2) / FIELD) * FIELD);
    return index === 0 ? `  ${padEnd(label, LABEL)} ${padded}` : `${label}  ${padded}`;
  });
  return parts.join('').trimEnd();
}

function linkAndUdid({ links, trusted, udid }: DeviceInfo): string {
  return `${linkWords(links, ' and ')}, ${trusted ? 'trusted' : 'not trusted'}; UDID ${udid}`;
}

function phone({ phoneNumber, imei, serial }: DeviceInfo): (readonly [string, string])[] {
  const parts = [
    ...(phoneNumber === null ? [] : [phoneNumber]),
    ...(imei === null ? [] : [`IMEI ${imei}`]),
    ...(serial === null ? [] : [`serial ${serial}`]),
  ];
  return parts.length === 0 ? [] : [['Phone', printable(parts.join(', '))]];
}

function storage({ storageBytes, freeBytes }: DeviceInfo): (readonly [string, string])[] {
  if (storageBytes === null) return [];
  const free = freeBytes === null ? '' : `, ${formatBytes(freeBytes, 'down')} free`;
  return [['Storage', `${formatBytes(storageBytes)}${free}`]];
}

function battery({ batteryPercent, charging }: DeviceInfo): (readonly [string, string])[] {
  if (batteryPercent === null) return [];
  return [['Battery', `${formatPercent(batteryPercent)}${charging === true ? ', charging' : ''}`]];
}

function onOff(label: string, state: boolean | null): (readonly [string, string])[] {
  return state === null ? [] : [[label, state ? 'on' : 'off']];
}

function lastBackup({ lastBackup: last, lastVersion }: DeviceInfo, nowMs: number): string {
  if (last.kind === 'none') return 'none under this root';
  if (last.kind === 'incomplete') return 'incomplete';
  const version = lastVersion === null ? '' : `: ${shortVersion(lastVersion)}`;
  return `${formatDate(last.madeAt)}, ${formatAgo(last.madeAt, nowMs)}${version}`;
}
