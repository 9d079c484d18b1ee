/** A property list in XML without one large part of it, found by its tags alone: so that the rest can be read for little. */

const LESS = 0x3c;

/**
 * The document without the dictionary that stands at `key` of the outermost dictionary. Where anything is not as Apple's and libimobiledevice's writers
 * have it (a comment, CDATA, a binary property list, another type), the document as it is: then it is read in full.
 */
export function withoutXmlDict(bytes: Buffer, key: string): Buffer {
  const outer = bytes.indexOf('<dict>');
  if (outer === -1 || bytes.subarray(0, outer).includes('<!--')) return bytes;
  const wanted = `<key>${key}</key>`;
  let depth = 1;
  for (let at = bytes.indexOf(LESS, outer + 6); at !== -1; at = bytes.indexOf(LESS, at + 1)) {
    if (depth === 1 && startsWith(bytes, at, wanted)) {
      const end = endOfDict(bytes, at + wanted.length);
      return end === undefined ? bytes : Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    }
    const step = depthStep(bytes, at);
    if (step === undefined) return bytes;
    depth += step;
    if (depth === 0) return bytes;
  }
  return bytes;
}

/** Behind the dictionary that begins at `start`, but for white space. */
function endOfDict(bytes: Buffer, start: number): number | undefined {
  const first = bytes.indexOf(LESS, start);
  if (first === -1 || bytes.toString('latin1', start, first).trim() !== '') return undefined;
  if (startsWith(bytes, first, '<dict/>')) return first + 7;
  if (!startsWith(bytes, first, '<dict>')) return undefined;
  let depth = 1;
  for (let at = bytes.indexOf(LESS, first + 6); at !== -1; at = bytes.indexOf(LESS, at + 1)) {
    const step = depthStep(bytes, at);
    if (step === undefined) return undefined;
    depth += step;
    if (depth === 0) return startsWith(bytes, at, '</dict>') ? at + 7 : undefined;
  }
  return undefined;
}

/** By how much a tag changes the depth; undefined for what makes tags unsure. */
function depthStep(bytes: Buffer, at: number): number | undefined {
  if (bytes[at + 1] === 0x21 || bytes[at + 1] === 0x3f) return undefined;
  if (startsWith(bytes, at, '<dict>') || startsWith(bytes, at, '<array>')) return 1;
  return startsWith(bytes, at, '</dict>') || startsWith(bytes, at, '</array>') ? -1 : 0;
}

function startsWith(bytes: Buffer, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text.charCodeAt(index)) return false;
  return true;
}

/** Gives how many bytes it put into `target`. */
export type ReadAt = (target: Buffer, position: number) => number | Promise<number>;

const PIECE = 64 * 1024;
/** `</array>` */
const LONGEST_TAG = 8;

/**
 * As `withoutXmlDict`, of a file that is never in memory as a whole: of ten megabytes of icons that is most of the cost.
 * Undefined where it is not sure, or the key does not stand near the beginning: then the file is to be read in full.
 */
export async function readWithoutXmlDict(read: ReadAt, size: number, key: string): Promise<Buffer | undefined> {
  const piece = Buffer.allocUnsafe(Math.min(PIECE, size));
  const head = Buffer.from(piece.subarray(0, await read(piece, 0)));
  const start = startOfDict(head, key);
  if (start === undefined) return undefined;
  let depth = 1;
  for (let position = start.inside; position < size; ) {
    const bytes = piece.subarray(0, await read(piece, position));
    if (bytes.length === 0) return undefined;
    const isLast = position + bytes.length >= size;
    let next = bytes.length;
    for (let at = bytes.indexOf(LESS); at !== -1; at = bytes.indexOf(LESS, at + 1)) {
      if (!isLast && at + LONGEST_TAG > bytes.length) {
        // The rest of the tag is in the next piece, which begins with it.
        next = at;
        break;
      }
      const step = depthStep(bytes, at);
      if (step === undefined) return undefined;
      depth += step;
      if (depth > 0) continue;
      if (!startsWith(bytes, at, '</dict>')) return undefined;
      const tail = position + at + 7;
      const rest = Buffer.alloc(size - tail);
      const got = await read(rest, tail);
      return got === rest.length ? Buffer.concat([head.subarray(0, start.key), rest]) : undefined;
    }
    if (next === 0) return undefined;
    position += next;
  }
  return undefined;
}

/** Where the key stands, and where its dictionary's content begins. */
function startOfDict(head: Buffer, key: string): { readonly key: number; readonly inside: number } | undefined {
  const outer = head.indexOf('<dict>');
  if (outer === -1 || head.subarray(0, outer).includes('<!--')) return undefined;
  const wanted = `<key>${key}</key>`;
  let depth = 1;
  for (let at = head.indexOf(LESS, outer + 6); at !== -1; at = head.indexOf(LESS, at + 1)) {
    if (depth === 1 && startsWith(head, at, wanted)) {
      const value = head.indexOf(LESS, at + wanted.length);
      const isDict = value !== -1 && startsWith(head, value, '<dict>');
      const isNext = isDict && head.toString('latin1', at + wanted.length, value).trim() === '';
      return isNext ? { key: at, inside: value + 6 } : undefined;
    }
    const step = depthStep(head, at);
    if (step === undefined) return undefined;
    depth += step;
    if (depth === 0) return undefined;
  }
  return undefined;
}
