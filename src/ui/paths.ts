import { printable } from './text.js';

/** A path as people write it: the home folder as `~`, control characters escaped. */
export function displayPath(path: string, home: string | undefined): string {
  if (home !== undefined && home !== '/' && home !== '') {
    if (path === home) return '~';
    if (path.startsWith(`${home}/`) || path.startsWith(`${home}\\`)) return printable(`~${path.slice(home.length)}`);
  }
  return printable(path);
}

/** A word for a shell, quoted only where it must be: `"Anna's iPhone"`. */
export function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `"${printable(word).replace(/["$`\\]/g, '\\$&')}"`;
}
