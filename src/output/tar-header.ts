/**
 * Headers of a tar archive (POSIX.1-2001: ustar, and pax where that is too small).
 *
 * | at  | bytes | field                                | at  | bytes | field                  |
 * |-----|-------|--------------------------------------|-----|-------|------------------------|
 * | 0   | 100   | name                                 | 156 | 1     | type: 0 file, 2 symlink, 5 folder, x pax |
 * | 100 | 8     | mode, octal, as all numbers          | 157 | 100   | target of a link       |
 * | 108 | 8 + 8 | owner, group                         | 257 | 8     | `ustar\0` `00`         |
 * | 124 | 12    | size                                 | 265 | 32+32 | names of owner, group  |
 * | 136 | 12    | mtime                                | 329 | 8+8   | device numbers         |
 * | 148 | 8     | sum of all bytes, itself as spaces   | 345 | 155   | prefix of the name     |
 *
 * A pax header is a file of its own, of lines `length key=value\n`, for the entry behind it.
 */
const BLOCK = 512;
/** Eleven octal digits. */
const MOST_IN_OCTAL = 0o77777777777;

export interface TarEntry {
  readonly type: 'file' | 'folder' | 'symlink';
  readonly path: string;
  readonly mode: number;
  /** Unix seconds. */
  readonly mtime: number;
  readonly sizeBytes: number;
  readonly target?: string;
}

const TYPES = { file: '0', symlink: '2', folder: '5', pax: 'x' } as const;

export function tarHeader(entry: TarEntry): Buffer {
  const path = entry.type === 'folder' ? `${entry.path}/` : entry.path;
  const records: [string, string][] = [];
  if (!isPlain(path, 100)) records.push(['path', path]);
  if (entry.target !== undefined && !isPlain(entry.target, 100)) records.push(['linkpath', entry.target]);
  if (entry.sizeBytes > MOST_IN_OCTAL) records.push(['size', String(entry.sizeBytes)]);
  const seconds = Math.floor(entry.mtime);
  if (seconds !== entry.mtime || seconds < 0 || seconds > MOST_IN_OCTAL) records.push(['mtime', decimal(entry.mtime)]);
  const header = block(TYPES[entry.type], path, { ...entry, mtime: seconds });
  return records.length === 0 ? header : Buffer.concat([paxHeader(records, seconds), header]);
}

/** Two blocks of zeros. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/** What fills the last block of a file. */
export function tarPadding(sizeBytes: number): Buffer {
  const over = sizeBytes % BLOCK;
  return TAR_END.subarray(0, over === 0 ? 0 : BLOCK - over);
}

function paxHeader(records: readonly (readonly [string, string])[], mtime: number): Buffer {
  const body = Buffer.from(records.map(([key, value]) => paxRecord(key, value)).join(''));
  const head = block(TYPES.pax, 'pax', { mode: 0o600, mtime, sizeBytes: body.length });
  return Buffer.concat([head, body, tarPadding(body.length)]);
}

/** The length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const restBytes = Buffer.byteLength(rest);
  let length = restBytes + String(restBytes).length;
  if (restBytes + String(length).length !== length) length = restBytes + String(length).length;
  return `${length}${rest}`;
}

function block(
  type: string,
  path: string,
  { mode, mtime, sizeBytes, target = '' }: Pick<TarEntry, 'mode' | 'mtime' | 'sizeBytes' | 'target'>,
): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(path, 0, 100);
  octal(header, 100, 8, mode & 0o777);
  octal(header, 108, 8, 0);
  octal(header, 116, 8, 0);
  octal(header, 124, 12, sizeBytes > MOST_IN_OCTAL ? 0 : sizeBytes);
  octal(header, 136, 12, Math.min(Math.max(mtime, 0), MOST_IN_OCTAL));
  header.write('        ', 148, 'latin1');
  header.write(type, 156, 'latin1');
  header.write(target, 157, 100);
  header.write('ustar\u000000', 257, 'latin1');
  octal(header, 329, 8, 0);
  octal(header, 337, 8, 0);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

function octal(header: Buffer, at: number, width: number, value: number): void {
  header.write(value.toString(8).padStart(width - 1, '0'), at, width - 1, 'latin1');
}

/** Only ASCII means the same to every program. */
function isPlain(text: string, most: number): boolean {
  return text.length <= most && /^[\u0020-\u007e]*$/.test(text);
}

/** Up to microseconds, and no exponent. */
function decimal(seconds: number): string {
  return Number.isInteger(seconds) ? BigInt(seconds).toString() : seconds.toFixed(6).replace(/0+$/, '');
}
