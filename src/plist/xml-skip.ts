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
