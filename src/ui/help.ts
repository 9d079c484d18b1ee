/** Help texts: laid out from what a command says of itself, its exit codes from the catalogue. At most 80 columns. */
import { ERROR_CATALOG, type ErrorCode } from '../errors.js';
import { VERSION } from '../version.js';
import type { Glyphs } from './terminal.js';
import { displayWidth, padEnd, wrap } from './text.js';

const WIDTH = 76;

export interface HelpRow {
  readonly flags: string;
  readonly words: string;
}

export interface CommandHelp {
  readonly name: string;
  /** One sentence. */
  readonly sentence: string;
  readonly rows: readonly HelpRow[];
  readonly examples: readonly (readonly [line: string, remark: string])[];
  /** What saves a support thread. */
  readonly note: string;
  /** Lines as they are, after the note. */
  readonly more?: readonly string[];
  /** Besides 1, 2, 70 and 143, which every command may return. */
  readonly codes: readonly ErrorCode[];
}

export const COMMAND_GROUPS: readonly (readonly [group: string, commands: readonly string[]])[] = [
  ['Everyday', ['backup', 'restore', 'list', 'find', 'extract', 'info', 'encrypt']],
  ['Trust it', ['verify', 'diff', 'stats', 'doctor', 'repair', 'unlock']],
  ['Your data', ['decrypt']],
  ['History', ['tag', 'forget', 'prune', 'copy', 'import', 'edit']],
  ['Connection', ['devices', 'pair', 'unpair', 'wifi', 'cloud', 'erase']],
  ['Automation', ['sim', 'idevicebackup2']],
];

export const COMMAND_NAMES: readonly string[] = COMMAND_GROUPS.flatMap(([, names]) => names);

/** `ibk` alone. */
export function firstContact({ dot }: Glyphs): string[] {
  return [
    `ibk ${VERSION} ${dot} back up, keep and check iPhones and iPads`,
    '  ibk backup    back up the connected iPhone (asks for Trust the first time)',
    '  ibk list      your backups and their versions',
    '  ibk extract   take files out of a backup',
    '  ibk verify    is a backup complete and undamaged',
    '  ibk doctor    if something does not work',
    'No iPhone at hand? ibk sim      All commands: ibk --help',
  ];
}

/** `ibk --help`. */
export function overview(defaultRoot: string, configFile: string): string[] {
  const rows: HelpRow[] = [
    { flags: '-u, --udid ID', words: 'device by UDID, prefix or name; repeat, or "all"' },
    { flags: '-o, --out DIR', words: `backup root                  [${defaultRoot}]` },
    { flags: '    --usb, --network', words: 'how to reach it              [USB if both]' },
    { flags: '    --usbmuxd ADDR', words: 'UNIX:/path or host:port      [this computer]' },
    { flags: '    --password-file F', words: 'also -command, -stdin, -fd; else a prompt' },
    { flags: '    --keychain', words: 'of the system; --save-password puts it there' },
    { flags: '    --wait D', words: 'wait for a device, such as 90s or 15m        [0]' },
    { flags: '    --timeout D', words: 'a connection, or one answer                  [60s]' },
    { flags: '    --stall-timeout D', words: 'silence of the device during a backup        [15m]' },
    { flags: '    --passcode-timeout D', words: 'Trust or the passcode at the device          [5m]' },
    { flags: '    --retries N', words: 'run again when the connection is lost        [0]' },
    { flags: '    --json', words: 'one document; one object a line for long jobs' },
    { flags: '    --progress MODE', words: 'auto, bar, plain, json or none' },
    { flags: '    --color WHEN', words: 'auto, always or never; NO_COLOR is obeyed' },
    { flags: '    --log-file F', words: 'keep a log of the run beside what is shown' },
    { flags: '    --trace F', words: 'every message, redacted, for a bug report' },
    { flags: '-n, --dry-run', words: 'say what would happen, change nothing' },
    { flags: '-y, --yes', words: 'do not ask     --no-input  fail instead of asking' },
    { flags: '-q, -v, --debug', words: 'errors only, more, stacks and facts' },
    { flags: '-V, --version', words: '' },
  ];
  return [
    ...COMMAND_GROUPS.map(([group, names]) => `${padEnd(group, 13)}${names.join('  ')}`),
    '',
    ...optionRows(rows),
    '',
    `Each has a variable (IBK_WAIT) and a key in ${configFile}`,
    'Options work before and after the command. Exit codes: ibk COMMAND --help',
  ];
}

export function commandHelp(help: CommandHelp): string[] {
  const column = Math.max(42, ...help.examples.map(([line]) => displayWidth(line))) + 3;
  return [
    ...wrap(help.sentence, WIDTH),
    ...optionRows(help.rows),
    'Examples',
    ...help.examples.map(([line, remark]) => `  ${padEnd(line, column)}${remark}`.trimEnd()),
    ...wrap(help.note, WIDTH),
    ...(help.more ?? []),
    ...exitCodeLines(help.codes),
  ];
}

function optionRows(rows: readonly HelpRow[]): string[] {
  const column = Math.max(...rows.map(({ flags }) => displayWidth(flags)), 0) + 2;
  return rows.map(({ flags, words }) => `  ${padEnd(flags, column)}${words}`.trimEnd());
}

/** `Exit codes  0 done  3 some files missing …`, from the catalogue, never wider than the rest. */
export function exitCodeLines(codes: readonly ErrorCode[]): string[] {
  const listed = codes
    .map((code) => ERROR_CATALOG[code])
    .sort((a, b) => a.exit - b.exit)
    .map(({ exit, short }) => `${exit} ${short}`);
  const lines: string[] = [];
  let line = 'Exit codes';
  for (const entry of ['0 done', ...listed]) {
    if (displayWidth(line) + 2 + displayWidth(entry) > WIDTH) {
      lines.push(line);
      line = ' '.repeat(10);
    }
    line += `  ${entry}`;
  }
  return [...lines, line, `${' '.repeat(12)}1, 2, 70, 143 as everywhere`];
}
