import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { KILL_POINT_VARIABLE, killPoint } from '../backup/disk/kill-point.js';
import { IbkError } from '../errors.js';
import { countOf, formatBytes, formatDate } from '../figures.js';
import type { ChosenBackup } from '../operations/choose-backups.js';
import { copyToArchive, copyToFolder } from '../operations/copy.js';
import { copyHistory } from '../operations/copy-history.js';
import { type ArchiveFormat, formatOf } from '../operations/extract/destination.js';
import { freeName, outputName } from '../operations/extract/output-name.js';
import { movedReport } from '../ui/moved-report.js';
import { displayPath, shellWord } from '../ui/paths.js';
import { printable } from '../ui/text.js';
import { BACKUP_CODES, type CommandSpec, type OwnOptions } from './command.js';
import type { Session } from './session.js';
import { wholeBackup } from './whole-backup.js';

export const copyCommand: CommandSpec = {
  help: {
    name: 'copy',
    sentence:
      'A backup in a second place, whole: a folder in the layout of Apple, or an archive. Without BACKUP: the latest.',
    rows: [
      { flags: 'BACKUP', words: 'latest, latest~2, a version id, a device, a folder' },
      { flags: '--to DIR', words: 'a folder that is not there yet' },
      { flags: '--to FILE', words: 'an archive, by its name: .tar, .tar.gz or .zip' },
      { flags: '--to ROOT', words: 'another backup root: the versions that it lacks' },
      { flags: '--history', words: 'DIR is to become such a root' },
      { flags: '--link', words: 'content as second names of the same files' },
    ],
    examples: [
      ['ibk copy latest~2 --to old/00008120-000A1D2E0C88401E', ''],
      ['ibk copy m2xq8d04 --to phone.tar.gz', 'one file'],
      ['ibk copy --history --to /mnt/second', 'all versions'],
    ],
    note: 'idevicebackup2 restores a folder that has the UDID as its name. No password is needed: what is encrypted stays so. The copy is made in DIR.partial and gets its name when all of it is on the disk; nothing is ever replaced. On disks that can (APFS, Btrfs, XFS) it takes no room until one of the two changes. --link takes none on any disk with links, but a program that writes into the copy in place then writes into the backup too: only for copies that are read.',
    codes: ['partial', ...BACKUP_CODES],
  },
  mostArguments: 1,
  options: ['--to <PATH>', '--link', '--history'],
  run: async (session, options, [word]) => {
    const { chosen } = await wholeBackup(session, word, { command: 'ibk copy' });
    const other = otherRoot(options);
    return other === undefined ? copyTo(session, options, chosen) : copyVersions(session, chosen, other);
  },
};

/** A folder that ibk has backups in, or that is to have some. */
function otherRoot(options: OwnOptions): string | undefined {
  const { to } = options;
  if (typeof to !== 'string' || to === '') {
    if (options['history'] !== true) return undefined;
    throw new IbkError('usage', '--history needs the other root.', { hint: 'ibk copy --history --to DIR' });
  }
  const path = resolve(process.cwd(), to);
  const isRoot = statSync(join(path, '.ibk'), { throwIfNoEntry: false })?.isDirectory() === true;
  return isRoot || options['history'] === true ? path : undefined;
}

async function copyVersions(session: Session, { backup, version }: ChosenBackup, to: string): Promise<number> {
  const { config, terminal, clock, signal, env } = session;
  const { root, dryRun, json } = config;
  if (to === resolve(root)) throw new IbkError('usage', 'That is the root itself.', { hint: 'ibk copy --help' });
  const report = movedReport(terminal, clock, config, {
    ...{ command: 'copy', done: 'Copied', doing: 'Copying', udid: backup.udid, name: backup.name },
    version: { ...version, madeAt: null, bytes: null },
  });
  const sum = { files: 0, bytes: 0, kept: 0 };
  const onFile = (bytes: number, kept: boolean) => {
    report.file(bytes);
    if (kept) sum.kept += 1;
    else {
      sum.files += 1;
      sum.bytes += bytes;
    }
  };
  try {
    report.start();
    const beforeChange = killPoint(env[KILL_POINT_VARIABLE]);
    const { versions, left } = await copyHistory(backup, { root, to, dryRun, clock, signal, beforeChange, onFile });
    const what = countOf(versions.length, 'version');
    const shown = `${what}, into ${displayPath(to, terminal.home)}`;
    if (dryRun) {
      if (!json) terminal.out.line(`Would copy ${printable(backup.name)}: ${shown}. Nothing was changed.`);
      return 0;
    }
    for (const id of left) report.failed(id.slice(-8), 'lost');
    return await report.end({ ...sum, failed: left.length, path: to, shown, next: `ibk list -o ${shellWord(to)}` });
  } finally {
    await report.close();
  }
}

type Place =
  | { readonly kind: 'folder'; readonly path: string; readonly shown: string }
  | { readonly kind: 'archive'; readonly path: string; readonly shown: string; readonly format: ArchiveFormat };

async function copyTo(session: Session, options: OwnOptions, chosen: ChosenBackup): Promise<number> {
  const { config, terminal, clock, signal, platform } = session;
  const { root, dryRun, json } = config;
  const { backup, version } = chosen;
  const place = placeOf(options['to'], chosen);
  const report = movedReport(terminal, clock, config, {
    ...{ command: 'copy', done: 'Copied', doing: 'Copying' },
    ...{ udid: backup.udid, name: backup.name, version },
  });
  const copying = {
    ...{ root, dryRun, signal, hardLinks: options['link'] === true },
    onFile: report.file,
    onFailure: ({ path, reason }: { readonly path: string; readonly reason: string }) => report.failed(path, reason),
  };
  try {
    if (!dryRun) report.start();
    const writing = { platform, umask: 0o077, stdout: process.stdout, now: clock.now() };
    const copied =
      place.kind === 'folder'
        ? await copyToFolder(chosen, place.path, copying)
        : await copyToArchive(chosen, place, { ...copying, ...writing });
    if (copied !== undefined) {
      const check = `ibk verify ${shellWord(place.path)} --read-data`;
      const next = place.kind === 'folder' ? check : `Unpacked, it is a backup: ibk verify DIR/${backup.udid}`;
      return await report.end({ ...copied, path: place.path, shown: `to ${printable(place.shown)}`, next });
    }
    const of = `${printable(backup.name)}${version.madeAt === null ? '' : `, ${formatDate(version.madeAt)}`}`;
    const bytes = version.bytes === null ? '' : `, ${formatBytes(version.bytes)}`;
    if (json) report.start();
    else terminal.out.line(`Would copy ${of}${bytes}, to ${printable(place.shown)}. Nothing was changed.`);
    return 0;
  } finally {
    await report.close();
  }
}

/** @throws IbkError `usage`, `destination` */
function placeOf(to: OwnOptions[string], { backup, version }: ChosenBackup): Place {
  const cwd = process.cwd();
  if (to === undefined) {
    const shown = freeName(cwd, outputName(backup.name, version.madeAt), '');
    return { kind: 'folder', path: join(cwd, shown), shown };
  }
  if (typeof to !== 'string' || to === '') throw new IbkError('usage', '--to is empty.', { hint: 'ibk copy --help' });
  const path = resolve(cwd, to);
  const there = statSync(path, { throwIfNoEntry: false });
  const format = there?.isDirectory() === true || /[/\\]$/.test(to) ? undefined : formatOf(to);
  if (format === undefined) return { kind: 'folder', path, shown: to };
  if (there !== undefined)
    throw new IbkError('destination', `${to} is there already.`, {
      hint: 'Choose a name that is not there yet: --to FILE',
    });
  return { kind: 'archive', path, shown: to, format };
}
