/**
 * Where output goes and what that place can show. Decided once, at the start; everything below draws through a `Screen`
 * and never asks the process again.
 */
import { Chalk, type ChalkInstance } from 'chalk';

/** A standard stream, as far as we use it; a test gives its own. */
export interface OutputStream {
  write(text: string): boolean;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

export interface InputStream extends NodeJS.ReadableStream {
  readonly isTTY?: boolean | undefined;
  setRawMode?(on: boolean): unknown;
}

export type ColorChoice = 'auto' | 'always' | 'never';

export interface Glyphs {
  readonly ok: string;
  readonly attention: string;
  readonly failed: string;
  readonly next: string;
  readonly dot: string;
  readonly more: string;
  readonly full: string;
  readonly empty: string;
  readonly unknown: string;
  readonly spinner: readonly string[];
}

const UNICODE_GLYPHS: Glyphs = {
  ok: '✓',
  attention: '!',
  failed: '✗',
  next: '→',
  dot: '·',
  more: '…',
  full: '━',
  empty: '─',
  unknown: '–',
  spinner: [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'],
};

const ASCII_GLYPHS: Glyphs = {
  ok: 'ok',
  attention: '!',
  failed: 'x',
  next: '->',
  dot: '-',
  more: '...',
  full: '#',
  empty: '-',
  unknown: '-',
  spinner: [...'|/-\\'],
};

/** The four meanings, and bold for the one thing to find. */
export interface Style {
  done(text: string): string;
  attention(text: string): string;
  failed(text: string): string;
  dim(text: string): string;
  strong(text: string): string;
}

/** One of the two output streams with what it can show. */
export interface Screen {
  readonly stream: OutputStream;
  readonly isTerminal: boolean;
  /** May the cursor be moved? False for a pipe, `TERM=dumb`, and while nobody looks (CI). */
  readonly canRedraw: boolean;
  readonly glyphs: Glyphs;
  readonly style: Style;
  /** Columns to lay out for, now; undefined where nothing may be cut or wrapped (not a terminal). */
  width(): number | undefined;
  /** Rows of the terminal, now. */
  height(): number;
  line(text?: string): void;
  write(text: string): void;
}

export interface TerminalOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly stdin: InputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly color: ColorChoice;
}

export interface Terminal {
  readonly out: Screen;
  readonly err: Screen;
  readonly stdin: InputStream;
  /** The home folder, so that paths can be shown with `~`; undefined where there is none. */
  readonly home: string | undefined;
}

export function createTerminal(options: TerminalOptions): Terminal {
  const glyphs = usesUnicode(options) ? UNICODE_GLYPHS : ASCII_GLYPHS;
  const { env } = options;
  return {
    out: createScreen(options.stdout, glyphs, options),
    err: createScreen(options.stderr, glyphs, options),
    stdin: options.stdin,
    home: env.HOME || env.USERPROFILE || undefined,
  };
}

function createScreen(stream: OutputStream, glyphs: Glyphs, options: TerminalOptions): Screen {
  const isTerminal = stream.isTTY === true;
  const dumb = options.env.TERM === 'dumb';
  return {
    stream,
    isTerminal,
    canRedraw: isTerminal && !dumb && !isSet(options.env.CI),
    glyphs,
    style: createStyle(usesColor(isTerminal, dumb, options)),
    width: () => (isTerminal ? terminalWidth(stream, options.env) : undefined),
    height: () => (stream.rows !== undefined && stream.rows > 0 ? stream.rows : 24),
    line: (text = '') => void stream.write(`${text}\n`),
    write: (text) => void stream.write(text),
  };
}

/** A terminal that does not tell its width, or tells nonsense, is taken for 80 columns. */
function terminalWidth(stream: OutputStream, env: TerminalOptions['env']): number {
  const told = stream.columns ?? Number(env.COLUMNS);
  return Number.isFinite(told) && told >= 20 ? told : 80;
}

function usesColor(isTerminal: boolean, dumb: boolean, { color, env }: TerminalOptions): boolean {
  if (color !== 'auto') return color === 'always';
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '') return isSet(env.FORCE_COLOR);
  return isTerminal && !dumb;
}

function createStyle(colored: boolean): Style {
  const chalk: ChalkInstance = new Chalk({ level: colored ? 1 : 0 });
  return {
    done: (text) => chalk.green(text),
    attention: (text) => chalk.yellow(text),
    failed: (text) => chalk.red(text),
    dim: (text) => chalk.dim(text),
    strong: (text) => chalk.bold(text),
  };
}

/** POSIX order of the locale variables. Windows: only terminals that are known to show more than the old console. */
function usesUnicode({ env, platform }: TerminalOptions): boolean {
  if (isSet(env.IBK_ASCII)) return false;
  if (env.TERM === 'linux' || env.TERM === 'dumb') return false;
  if (platform === 'win32') return isSet(env.WT_SESSION) || isSet(env.TERM_PROGRAM) || isSet(env.ConEmuANSI);
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  // launchd starts jobs with no locale at all, and every terminal of macOS is UTF-8.
  if (locale === '') return platform === 'darwin';
  return /utf-?8/i.test(locale);
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false';
}
