/**
 * The name under which a part of a path can be kept where it goes to.
 *
 * Windows (NTFS, and exFAT or FAT on any system): none of `< > : " | ? * \`, no control characters, no dot or space at the end, no name of a device
 * (`aux`, `com1`, also with an extension), upper and lower case are the same. macOS: two spellings of an accented letter are the same, as a rule
 * upper and lower case too. Linux: everything but `/` and NUL, yet control characters are replaced, since they would reach a terminal.
 */

/** `auto`: what the place it goes to can hold. `portable`: what every system can. `raw`: as on the phone, or not at all. */
export type NameStyle = 'auto' | 'portable' | 'raw';

export const NAME_STYLES: readonly NameStyle[] = ['auto', 'portable', 'raw'];

/** What the place can hold. */
export interface PlaceRules {
  readonly windows: boolean;
  /** `A` and `a` are the same name. */
  readonly foldsCase: boolean;
  /** So are `é` in one character and in two. */
  readonly foldsUnicode: boolean;
}

export const POSIX_PLACE: PlaceRules = { windows: false, foldsCase: false, foldsUnicode: false };
export const STRICTEST_PLACE: PlaceRules = { windows: true, foldsCase: true, foldsUnicode: true };

/** Bytes in UTF-8: ext4, XFS, btrfs, APFS. Windows counts characters, of which there are never more. */
const LONGEST_NAME_BYTES = 255;
/** Kept when a name is cut, so that the file still opens by its kind. */
const LONGEST_EXTENSION_BYTES = 32;

const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g;
const NOT_ON_WINDOWS = /[<>:"|?*\\]/g;
const BAD_END = /[. ]$/;
const DOS_DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])( *)(\..*)?$/i;
/** Half of a pair, which no file system keeps: Node would write U+FFFD, and two names could become one unseen. */
const LONE_SURROGATE = /\p{Surrogate}/gu;

/** The name to keep it under; undefined: it cannot be kept. Never empty, `.`, `..`, and never with a separator. */
export function safeName(name: string, place: PlaceRules, style: NameStyle): string | undefined {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) return undefined;
  const whole = name.replace(LONE_SURROGATE, '\ufffd');
  if (style === 'raw') return place.windows ? rawOnWindows(whole) : fits(whole) ? whole : undefined;
  const shown = whole.replace(CONTROLS, '_');
  if (!place.windows && style !== 'portable') return shortened(shown);
  // What was cut may end with a dot or a space again.
  return shortened(windowsName(shown)).replace(BAD_END, '_');
}

function windowsName(name: string): string {
  const plain = name.replace(NOT_ON_WINDOWS, '_').replace(BAD_END, '_');
  return plain.replace(DOS_DEVICE, (_whole, device: string, spaces: string, rest = '') => `${device}_${spaces}${rest}`);
}

/** There `a:b` is a hidden stream of `a`, and `C:` another disk: what would have to change is refused. */
function rawOnWindows(name: string): string | undefined {
  return windowsName(name.replace(CONTROLS, '_')) === name && fits(name) ? name : undefined;
}

const fits = (name: string): boolean =>
  name.length * 3 <= LONGEST_NAME_BYTES || Buffer.byteLength(name) <= LONGEST_NAME_BYTES;

/** Cut before its extension to what fits; no character is cut in half. */
export function shortened(name: string, longestBytes = LONGEST_NAME_BYTES): string {
  if (name.length * 3 <= longestBytes || Buffer.byteLength(name) <= longestBytes) return name;
  const [stem, extension] = splitExtension(name);
  let room = longestBytes - Buffer.byteLength(extension);
  let kept = '';
  for (const character of stem) {
    room -= Buffer.byteLength(character);
    if (room < 0) break;
    kept += character;
  }
  return kept + extension;
}

/** The same name with a number, which is free when the plain one is taken: `IMG_0001_2.HEIC`. */
export function numbered(name: string, number: number): string {
  const [stem, extension] = splitExtension(name);
  const mark = `_${number}`;
  const longest = LONGEST_NAME_BYTES - Buffer.byteLength(extension) - mark.length;
  return `${cut(stem, longest)}${mark}${extension}`;
}

function cut(text: string, longestBytes: number): string {
  return Buffer.byteLength(text) <= longestBytes ? text : shortened(`${text} `, longestBytes);
}

/** `IMG_0001`, `.HEIC`; a name that begins with its only dot has no extension. */
function splitExtension(name: string): [stem: string, extension: string] {
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 ? name.slice(dot) : '';
  if (extension.length < 2 || Buffer.byteLength(extension) > LONGEST_EXTENSION_BYTES) return [name, ''];
  return [name.slice(0, dot), extension];
}

/** Names with the same key are the same file there. It may hold more names for the same than the disk does, never fewer. */
export function nameKey(name: string, { foldsCase, foldsUnicode }: PlaceRules): string {
  const composed = foldsUnicode || foldsCase ? name.normalize('NFD') : name;
  return foldsCase ? composed.toUpperCase().toLowerCase().normalize('NFD') : composed;
}
