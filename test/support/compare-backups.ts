/** Two backup folders of one phone, compared as the promise has it: equal byte for byte, but for what must differ. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parsePlist } from '../../src/plist/codec.js';
import { isPlistDict, type PlistDict } from '../../src/plist/value.js';

/** Keys that differ from run to run, and keys of Info.plist that only ibk writes. */
const MAY_DIFFER: Readonly<Record<string, readonly string[]>> = {
  'Status.plist': ['UUID', 'Date'],
  'Manifest.plist': ['Date'],
  'Info.plist': ['GUID', 'Last Backup Date', 'Product Name', 'IMEI 2', 'ibk Version'],
};

/** What differs; empty when the folders are as equal as they can be. Empty folders count. */
export function differences(one: string, other: string): string[] {
  const names = new Set([one, other].flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' })));
  return [...names].sort().flatMap((name) => {
    const [a, b] = [one, other].map((folder) => contentOf(join(folder, name), name));
    return a === b ? [] : [name];
  });
}

function contentOf(path: string, name: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || stat.isDirectory()) return stat && 'folder';
  const bytes = readFileSync(path);
  const ignored = MAY_DIFFER[name];
  if (ignored === undefined) return bytes.toString('latin1');
  const value = parsePlist(bytes, name);
  if (!isPlistDict(value)) return 'not a dictionary';
  return describe(value, ignored);
}

function describe(dict: PlistDict, ignored: readonly string[]): string {
  const keys = Object.keys(dict)
    .filter((key) => !ignored.includes(key))
    .sort();
  return JSON.stringify(keys.map((key) => [key, dict[key]]));
}
