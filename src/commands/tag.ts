import { IbkError } from '../errors.js';
import { formatDate } from '../figures.js';
import { tagVersion, type TaggedVersion } from '../operations/retention/tag.js';
import { hanging } from '../ui/errors.js';
import { tagDocument } from '../ui/history-documents.js';
import { jsonLine } from '../ui/ndjson.js';
import { printable } from '../ui/text.js';
import { type CommandSpec, type OwnOptions, STORE_CODES } from './command.js';
import { wholeBackup } from './whole-backup.js';

export const tagCommand: CommandSpec = {
  help: {
    name: 'tag',
    sentence: 'Give a version tags or a note, or pin it, so that no rule forgets it. Without an option: what it has.',
    rows: [
      { flags: 'BACKUP', words: 'latest, latest~2, @2026-11-01, an id or device' },
      { flags: '--add T', words: 'a tag, such as pre-26.1; repeat' },
      { flags: '--remove T', words: 'take a tag away; repeat' },
      { flags: '--note TEXT', words: 'a note; "" takes it away' },
      { flags: '--pin, --unpin', words: 'never forgotten by a rule; or again like any other' },
    ],
    examples: [
      ['ibk tag latest --add pre-26.1', 'found again in ibk list'],
      ['ibk tag g41m7k2e --pin --note "before the repair"', 'kept for good'],
    ],
    note: 'Tags and notes stand in the store alone: the backup itself is not touched. ibk forget --keep-tag T keeps what has the tag.',
    codes: STORE_CODES,
  },
  mostArguments: 1,
  options: ['--note <TEXT>', '--pin', '--unpin'],
  repeatable: ['--add <T>', '--remove <T>'],
  run: async (session, options, [word]) => {
    const { config, terminal, signal } = session;
    const { out, err } = terminal;
    const [pin, unpin] = [options['pin'] === true, options['unpin'] === true];
    if (pin && unpin) throw new IbkError('usage', '--pin and --unpin are opposites.', { hint: 'ibk tag --help' });
    const [add, remove] = [listOf(options, 'add'), listOf(options, 'remove')];
    const note = typeof options['note'] === 'string' ? options['note'] : undefined;
    const asks = add.length + remove.length === 0 && note === undefined && !pin && !unpin;
    if (word === undefined && !asks)
      throw new IbkError('usage', 'Which version is meant was not said.', { hint: 'ibk tag latest --add pre-26.1' });
    const { chosen } = await wholeBackup(session, word, { command: 'ibk tag', measure: false });
    const pinned = pin ? true : unpin ? false : undefined;
    const done = await tagVersion(config.root, chosen, { add, remove, note, pinned }, signal);
    if (config.json) out.write(jsonLine(tagDocument(done)));
    else if (asks) out.line(words(done));
    else if (!config.quiet)
      for (const line of hanging(err.glyphs.ok, words(done), err.width())) err.line(err.style.done(line));
    return 0;
  },
};

function listOf(options: OwnOptions, key: string): readonly string[] {
  const value = options[key];
  if (typeof value === 'string') return value.split(',');
  return Array.isArray(value) ? value.flatMap((each) => String(each).split(',')) : [];
}

/** `k7f29b1e (2026-11-21 08:06) of Anna's iPhone: #pre-26.1, pinned` */
function words({ name, version, madeAt, pinned, tags, note }: TaggedVersion): string {
  const facts = [
    ...tags.map((tag) => `#${printable(tag)}`),
    ...(pinned ? ['pinned'] : []),
    ...(note === '' ? [] : [`"${printable(note)}"`]),
  ];
  const when = madeAt === null ? '' : ` (${formatDate(madeAt)})`;
  return `${version}${when} of ${printable(name)}: ${facts.length === 0 ? 'no tag, no note, not pinned' : facts.join(', ')}`;
}
