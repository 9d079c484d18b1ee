import { resolve } from 'node:path';
import { KILL_POINT_VARIABLE, killPoint } from '../backup/disk/kill-point.js';
import { IbkError } from '../errors.js';
import { countOf } from '../figures.js';
import { editBackup } from '../operations/edit/edit.js';
import type { PutFile } from '../operations/edit/put-file.js';
import type { SelectionOptions } from '../operations/selection/selection.js';
import { movedReport } from '../ui/moved-report.js';
import { displayPath } from '../ui/paths.js';
import { printable } from '../ui/text.js';
import { BACKUP_CODES, type CommandSpec, type OwnOptions } from './command.js';
import { password } from './password.js';
import { listOf } from './selection-options.js';
import { wholeBackup } from './whole-backup.js';

const USE = 'ibk edit BACKUP put FILE DOMAIN/PATH, or ibk edit BACKUP rm SEL';

export const editCommand: CommandSpec = {
  help: {
    name: 'edit',
    sentence: 'A changed copy of a backup, beside it: put files in, take files out. The backup itself stays as it is.',
    rows: [
      { flags: 'BACKUP', words: 'latest, latest~2, a version id, a device' },
      { flags: 'put FILE DOMAIN/PATH', words: 'a file of this computer, new or in the place of one' },
      { flags: 'rm SEL', words: 'HomeDomain/Library/SMS/*, app:ID, type:photos' },
      { flags: '--domain D, --app ID', words: 'with rm: the whole of it' },
    ],
    examples: [
      ['ibk edit latest put sms.db HomeDomain/Library/SMS/sms.db', ''],
      ['ibk edit latest rm --app com.example.chat', 'with its data'],
      ['ibk edit latest put a.txt HomeDomain/a.txt rm type:photos', ''],
    ],
    note: 'The copy is a version of its own, marked as edited, and never the latest: name it by its id, for restore above all. It shares every file that was not changed, so it takes little room; forgetting the backup keeps what the copy needs. Of an encrypted backup the password is asked for, and the copy is encrypted with it. A database is replaced together with its -wal, -shm and -journal. Backups of iOS 5 and later.',
    codes: BACKUP_CODES,
  },
  mostArguments: 200,
  options: [],
  repeatable: ['--domain <D>', '--app <ID>'],
  run: async (session, options, [word, ...rest]) => {
    if (word === undefined) throw new IbkError('usage', 'What is to be edited was not said.', { hint: USE });
    const asked = askedFor(rest, options);
    const { chosen } = await wholeBackup(session, word, { command: 'ibk edit' });
    const { config, terminal, clock, signal, env } = session;
    const { root, dryRun, json } = config;
    const { backup, version } = chosen;
    const report = movedReport(terminal, clock, config, {
      ...{ command: 'edit', done: 'Edited', doing: 'Editing', udid: backup.udid, name: backup.name, version },
    });
    try {
      report.start();
      const edited = await editBackup(chosen, {
        ...{ root, dryRun, clock, signal, word, ...asked },
        password: password(session),
        beforeChange: killPoint(env[KILL_POINT_VARIABLE]),
      });
      const words = `${countOf(edited.put, 'file')} put, ${edited.removed} removed`;
      if (edited.version === null) {
        if (!json) terminal.out.line(`Would edit ${printable(backup.name)}: ${words}. Nothing was changed.`);
        return 0;
      }
      const shown = `${words}, as ${edited.version}`;
      const result = { files: edited.put + edited.removed, bytes: edited.bytes, failed: 0, shown };
      const next = `ibk verify ${edited.version} --read-data, then: ibk restore ${edited.version}`;
      return await report.end({ ...result, path: displayPath(root, undefined), version: edited.version, next });
    } finally {
      await report.close();
    }
  },
};

/** `put FILE DOMAIN/PATH` and `rm SEL…`, as often as wanted. @throws IbkError `usage` */
function askedFor(
  words: readonly string[],
  options: OwnOptions,
): { readonly put: readonly PutFile[]; readonly remove: SelectionOptions | undefined } {
  const put: PutFile[] = [];
  const sel: string[] = [];
  const [domains, apps] = [listOf(options, 'domain'), listOf(options, 'app')];
  let removes = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (word === 'put') {
      put.push(putFile(words[at + 1], words[at + 2]));
      at += 2;
    } else if (word === 'rm') removes = true;
    else if (word !== undefined && removes) sel.push(word);
    else throw new IbkError('usage', `"${word ?? ''}" is neither put nor rm.`, { hint: USE });
  }
  const isAll = sel.length + domains.length + apps.length === 0;
  if (removes && isAll) throw new IbkError('usage', 'What is to be removed was not said.', { hint: USE });
  if (!removes && !isAll) throw new IbkError('usage', '--domain and --app belong to rm.', { hint: USE });
  if (put.length === 0 && !removes) throw new IbkError('usage', 'Nothing is to be changed.', { hint: USE });
  return { put, remove: removes ? { words: sel, domains, apps } : undefined };
}

const DOMAIN = /^[A-Z][A-Za-z]*Domain(?:(?:Group|Plugin|Placeholder)?-[^/]+)?$/;

function putFile(from: string | undefined, to: string | undefined): PutFile {
  const cut = to?.indexOf('/') ?? -1;
  const [domain, relativePath] = [to?.slice(0, cut) ?? '', to?.slice(cut + 1) ?? ''];
  const parts = relativePath.split('/');
  const isSafe = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'));
  if (from === undefined || cut < 1 || !isSafe || !DOMAIN.test(domain))
    throw new IbkError('usage', `put takes a file and where it goes: not "${to ?? ''}".`, {
      hint: 'ibk edit BACKUP put sms.db HomeDomain/Library/SMS/sms.db',
    });
  return { domain, relativePath, from: resolve(process.cwd(), from) };
}
