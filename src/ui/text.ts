/**
 * Text for a screen: names that come from a device or a disk made harmless, and widths as a terminal counts them.
 * Wide characters and emoji take two columns; a grapheme (a letter with its accents, a family emoji) is never cut.
 */
import { createRequire } from 'node:module';
import type stringWidth from 'string-width';

/** Both are the work of a moment, but of a longer one than all else of a short run: most text needs neither. */
let widthOf: typeof stringWidth | undefined;
let graphemes: Intl.Segmenter | undefined;

/** One column each, without a look at a table: ASCII, Latin with accents (but the soft hyphen and what is an emoji), dashes, quotes, and the signs of our own. */
const NARROW = /^[ -~\u00a1-\u00a8\u00aa-\u00ac\u00af-\u024f\u2013-\u2022\u2026\u2192\u2713\u2717]*$/u;
const COLOR = /\u001b\[[\d;]*m/gu;

/** Controls (C0, DEL, C1), line separators, and the marks that change the direction of text. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udfff]/gu;

/**
 * A name that was given by a device or a file, safe to print: `\x1b`, `\u202e`, `\n`. Emoji and wide letters stay.
 * Quoted only if it begins or ends with a space, which nobody would see.
 */
export function printable(name: string): string {
  const safe = bounded(name, LONGEST_NAME).replace(UNSAFE, escapeCharacter);
  return /^\s|\s$/.test(safe) ? `"${safe}"` : safe;
}

/** Like `printable`, for a sentence that may hold such a name: it stays one line, or a name could write lines of advice. */
export function printableSentence(text: string): string {
  return bounded(text, LONGEST_TEXT).replace(UNSAFE, escapeCharacter);
}

/** No name that is worth reading is longer; paths have up to 1024 bytes. */
const LONGEST_NAME = 2000;
const LONGEST_TEXT = 20_000;

function bounded(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}

function escapeCharacter(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  if (character === '\r') return '\\r';
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** Columns that the text takes on a terminal; colour codes take none. */
export function displayWidth(text: string): number {
  const plain = text.replace(COLOR, '');
  if (NARROW.test(plain)) return plain.length;
  widthOf ??= loadWidth();
  return widthOf(plain);
}

function loadWidth(): typeof stringWidth {
  const loaded: { readonly default: typeof stringWidth } = createRequire(import.meta.url)('string-width');
  return loaded.default;
}

/** Cuts to at most `width` columns, ending in `mark` if anything was left out. Plain text only, no colour codes. */
export function shorten(text: string, width: number, mark = '…'): string {
  if (displayWidth(text) <= width) return text;
  const room = width - displayWidth(mark);
  let kept = '';
  let used = 0;
  graphemes ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const { segment } of graphemes.segment(text)) {
    const next = displayWidth(segment);
    if (used + next > room) break;
    kept += segment;
    used += next;
  }
  return room < 0 ? '' : `${kept.trimEnd()}${mark}`;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text;
}

/** `left` and `right` with the space between that makes `width`; at least two spaces. */
export function justify(left: string, right: string, width: number): string {
  return `${left}${' '.repeat(Math.max(2, width - displayWidth(left) - displayWidth(right)))}${right}`;
}

/**
 * Breaks at spaces so that no line is wider than `width`. A word that is too long (a path) stays whole.
 * Without a width, nothing is broken.
 */
export function wrap(text: string, width: number | undefined): string[] {
  if (width === undefined) return text.split('\n');
  return text.split('\n').flatMap((paragraph) => wrapParagraph(paragraph, width));
}

function wrapParagraph(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line === '') line = word;
    else if (displayWidth(line) + 1 + displayWidth(word) <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  lines.push(line);
  return lines;
}
