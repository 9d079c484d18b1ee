/**
 * Version ids: `20261121-070600-k7f29b1e`, the UTC date of the backup and a short id.
 *
 * People type the short id. Its 8 characters are base 32 (Crockford's alphabet in lower case), the first from `g` on: no hex digit,
 * so that it is never taken for a UDID.
 */
import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const FIRST_FROM = ALPHABET.indexOf('g');
const VERSION_ID = /^[0-9]{8}-[0-9]{6}-[g-hj-km-np-tv-z][0-9a-hj-km-np-tv-z]{7}$/;

export function isVersionId(text: string): boolean {
  return VERSION_ID.test(text);
}

export function shortIdOf(versionId: string): string {
  return versionId.slice(-8);
}

/** A new short id: 39 random bits. `random` gives bytes; tests give their own. */
export function newShortId(random: (count: number) => Buffer = randomBytes): string {
  const bytes = random(8);
  let id = '';
  for (const byte of bytes) {
    id +=
      id === ''
        ? ALPHABET.charAt(FIRST_FROM + (byte % (ALPHABET.length - FIRST_FROM)))
        : ALPHABET.charAt(byte % ALPHABET.length);
  }
  return id;
}

/** The id of a backup made at `date` (milliseconds since 1970), whose year is put into 1970-9999. */
export function versionId(date: number, shortId: string): string {
  const at = Number.isFinite(date) ? Math.min(Math.max(date, 0), Date.UTC(9999, 11, 31)) : 0;
  const digits = new Date(at).toISOString().replace(/[-:]/g, '');
  return `${digits.slice(0, 8)}-${digits.slice(9, 15)}-${shortId}`;
}
