/** Everything about one backup. What it does not tell is left out. */
import { countOf, formatBytes, formatDate, formatDuration, groupThousands } from '../figures.js';
import type { BackupFacts, LEFT_OUT, MissingFile } from '../operations/backup-facts.js';
import { hanging } from './errors.js';
import { displayPath } from './paths.js';
import type { Terminal } from './terminal.js';
import { padEnd, printable } from './text.js';

const LABEL = 11;

const LEFT_OUT_WORDS: Record<(typeof LEFT_OUT)[number], string> = {
  passwords: 'passwords',
  health: 'Health',
  wifi_networks: 'Wi-Fi networks',
  homekit: 'HomeKit',
  safari_tabs: 'Safari tabs',
};

export function backupInfoLines(facts: BackupFacts, { out: screen, home }: Terminal): string[] {
  const { backup, version } = facts.chosen;
  const { glyphs, style } = screen;
  const date = version.madeAt === null ? '' : `, ${formatDate(version.madeAt)}`;
  const id = version.version === null ? '' : ` ${glyphs.dot} ${version.version}`;
  const rows: (readonly [label: string, value: string])[] = [
    ['Device', device(facts)],
    ['UDID', printable(facts.udid)],
    ['Phone', phone(facts)],
    ['SIM', facts.iccids.map((iccid) => `ICCID ${printable(iccid)}`).join(', ')],
    ['Contents', contents(facts, glyphs.unknown)],
    ['Left out', facts.leftOut.map((what) => LEFT_OUT_WORDS[what]).join(', ')],
    ['State', state(facts, glyphs.dot)],
    ['History', history(facts)],
    ['Folder', displayPath(backup.path, home)],
  ];
  return [
    `${style.strong(printable(facts.name))}${date}${id}`,
    ...rows.filter(([, value]) => value !== '').map(([label, value]) => `  ${padEnd(label, LABEL)} ${value}`),
  ];
}

function device({ model, productType, ios, build, serial }: BackupFacts): string {
  const known = model === productType ? (productType ?? '') : `${model} (${productType})`;
  const system = ios === null ? '' : `iOS ${ios}${build === null ? '' : ` (${build})`}`;
  const parts = [known, system, serial === null ? '' : `serial ${serial}`];
  return printable(parts.filter((part) => part !== '').join(', '));
}

function phone({ phoneNumbers, imeis, meid }: BackupFacts): string {
  // Where there is an IMEI, the MEID is mostly the same but for its last digit.
  const other = meid === null || imeis.some((imei) => imei.startsWith(meid)) ? [] : [`MEID ${meid}`];
  return printable([...phoneNumbers, ...imeis.map((imei) => `IMEI ${grouped(imei)}`), ...other].join(', '));
}

/** `35 391811 223344 5`, as it is printed on the box. */
function grouped(imei: string): string {
  return imei.replace(/^(\d\d)(\d{6})(\d{6})(\d)$/, '$1 $2 $3 $4');
}

function contents({ files, bytes, domains, unread, apps, encrypted }: BackupFacts, unknown: string): string {
  return [
    files === null ? `${unknown} files` : countOf(files, 'file'),
    bytes === null ? unknown : formatBytes(bytes),
    domains === null ? `${unknown} domains` : countOf(domains, 'domain'),
    ...(apps === null ? [] : [countOf(apps, 'app')]),
    ...(encrypted === null ? [] : [encrypted ? 'encrypted' : 'not encrypted']),
    ...(unread === null || unread.code === 'password' ? [] : ['its list of files cannot be read']),
  ].join(', ');
}

function state({ chosen: { version } }: BackupFacts, dot: string): string {
  const { complete, foreign, id, madeBy, tookSeconds, lost, files } = version;
  const words = complete ? (id === null || foreign ? 'complete' : 'complete, checked when made') : 'incomplete';
  const lostFiles =
    lost === null || lost.files === 0
      ? ''
      : `, ${groupThousands(lost.files)} of ${files === null ? 'its' : groupThousands(files)} files overwritten by another program`;
  const duration = tookSeconds === null ? '' : ` in ${formatDuration(tookSeconds)}`;
  return `${words}${lostFiles} ${dot} by ${madeBy === null ? 'another tool' : printable(madeBy)}${duration}`;
}

function history({ chosen: { backup, version } }: BackupFacts): string {
  const { versions, bytes } = backup;
  const oldest = versions.at(-1)?.madeAt ?? null;
  if (version.id === null) return '';
  const since = oldest === null ? '' : ` since ${formatDate(oldest).slice(0, 10)}`;
  const beside =
    bytes === null || version.bytes === null
      ? ''
      : `, ${formatBytes(Math.max(0, bytes - version.bytes))} beside this one`;
  return `${countOf(versions.length, 'version')}${since}${versions.length === 1 ? '' : beside}`;
}

const WHY: Record<MissingFile['why'], string> = {
  not_sent: 'Not sent by the device',
  no_content: 'Named in the manifest, without content',
  lost: 'Overwritten or removed by another program',
};

/** `info --missing`. */
export function missingLines(missing: readonly MissingFile[], { out: screen }: Terminal): string[] {
  if (missing.length === 0)
    return hanging(screen.glyphs.ok, 'Every file that the manifest names is there.', screen.width());
  return (['not_sent', 'no_content', 'lost'] as const).flatMap((why) => {
    const files = missing.filter((each) => each.why === why);
    if (files.length === 0) return [];
    return [
      `  ${WHY[why]}: ${countOf(files.length, 'file')}`,
      ...files.map(({ domain, path }) => `    ${printable(`${domain}/${path}`)}`),
    ];
  });
}
