import { resolve } from 'node:path';
import { countOf, formatBytes, formatDate, formatUtc } from '../figures.js';
import { decrypt } from '../operations/decrypt.js';
import { hanging } from '../ui/errors.js';
import { type Json, jsonLine } from '../ui/ndjson.js';
import { shellWord } from '../ui/paths.js';
import { printable } from '../ui/text.js';
import { BACKUP_CODES, type CommandSpec } from './command.js';
import { password } from './password.js';
import { wholeBackup } from './whole-backup.js';

/** Of failed files, so many are named on a screen. */
const MOST_NAMED = 20;

export const decryptCommand: CommandSpec = {
  help: {
    name: 'decrypt',
    sentence:
      'A plain copy of an encrypted backup, in the layout of Apple, for tools that have no password. Without BACKUP: the latest.',
    rows: [
      { flags: 'BACKUP', words: 'latest, latest~2, a version id, a device, a folder' },
      { flags: '--to DIR', words: 'a folder that is not there yet' },
    ],
    examples: [
      ['ibk decrypt --to plain', 'the latest'],
      ['ibk decrypt latest~2 --to plain', 'an earlier version'],
      ['ibk verify ./plain --read-data', 'is the copy whole'],
    ],
    note: 'The backup is only read. The copy is readable to whoever can read the folder; it is made in DIR.partial and gets its name at the end. What a run that was killed left there, the next one to the same folder removes. Keychain items stay protected by keys of the iPhone.',
    codes: ['partial', 'timeout', ...BACKUP_CODES],
  },
  mostArguments: 1,
  options: ['--to <DIR>'],
  run: async (session, options, [word]) => {
    const { config, terminal, clock, signal } = session;
    const { root, json, quiet, dryRun } = config;
    const { out, err } = terminal;
    const { chosen } = await wholeBackup(session, word, { command: 'ibk decrypt' });
    const { udid, name } = chosen.backup;
    const { version, madeAt } = chosen.version;
    const shown = typeof options['to'] === 'string' ? options['to'] : folderName(name, madeAt);
    const to = resolve(process.cwd(), shown);
    const say = (type: string, body: { readonly [key: string]: Json }) =>
      out.write(jsonLine({ v: 1, type, time: formatUtc(new Date(clock.now())), udid, ...body }));
    const begun = clock.monotonic();
    let named = 0;
    const done = await decrypt(chosen, {
      root,
      to,
      dryRun,
      password: password(session),
      word,
      signal,
      onFailure: ({ domain, relativePath, reason, message }) => {
        if (json) say('file_error', { domain, path: relativePath, reason, message, device_error_code: null });
        else if (++named <= MOST_NAMED) err.line(`  ${printable(`${domain}/${relativePath}`)}  ${message}`);
      },
    });
    const seconds = Math.round((clock.monotonic() - begun) / 100) / 10;
    const { files = 0, bytes = 0, failed = 0 } = done ?? {};
    const exit = failed > 0 ? 3 : 0;
    const of = `${printable(name)}${madeAt === null ? '' : `, ${formatDate(madeAt)}`}`;
    if (json) {
      const counts = { files_done: files, files_kept: 0, files_skipped: failed, files_renamed: 0, bytes_done: bytes };
      say('summary', {
        code: exit === 0 ? 'ok' : 'partial',
        exit,
        version,
        ...counts,
        duration_seconds: seconds,
        path: to,
      });
    } else if (dryRun) out.line(`Would decrypt ${of} to ${printable(shown)}. Nothing was changed.`);
    else if (!quiet || failed > 0) {
      const glyph = failed > 0 ? err.glyphs.attention : err.glyphs.ok;
      const without = failed > 0 ? `, without ${countOf(failed, 'file')}` : '';
      const words = `Decrypted ${of}: ${countOf(files, 'file')}, ${formatBytes(bytes)}, to ${printable(shown)}${without}`;
      for (const line of hanging(glyph, words, err.width()))
        err.line(failed > 0 ? err.style.attention(line) : err.style.done(line));
      err.line(`${err.glyphs.next} ibk verify ${shellWord(to)} --read-data`);
      if (failed > 0) err.line(err.style.dim(`  partial ${err.glyphs.dot} exit 3`));
    }
    return exit;
  },
};

/** `Annas-iPhone-2026-11-21-decrypted` */
function folderName(name: string, madeAt: Date | null): string {
  const safe = name
    .normalize('NFC')
    .replace(/[^\p{L}\p{N} ._-]/gu, '')
    .trim()
    .replace(/\s+/g, '-')
    .replace(/^\.+/, '');
  const date = madeAt === null ? '' : `-${formatDate(madeAt).slice(0, 10)}`;
  return `${safe === '' ? 'backup' : safe.slice(0, 100)}${date}-decrypted`;
}
