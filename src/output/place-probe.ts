/** What names a place can hold: found out by trying, since a stick from a Windows computer may be anywhere. */
import { randomBytes } from 'node:crypto';
import { closeSync, lstatSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type PlaceRules, POSIX_PLACE, STRICTEST_PLACE } from './name-rules.js';

/** What the system is known for, where nothing may be written to find out. */
export function usualRules(platform: NodeJS.Platform): PlaceRules {
  if (platform === 'win32') return STRICTEST_PLACE;
  return platform === 'darwin' ? { windows: false, foldsCase: true, foldsUnicode: true } : POSIX_PLACE;
}

/** @param folder exists, and may be written. Leaves nothing behind. */
export function probePlace(folder: string, platform: NodeJS.Platform): PlaceRules {
  if (platform === 'win32') return STRICTEST_PLACE;
  const stem = `.ibk-${randomBytes(4).toString('hex')}-\u00e9a`;
  const plain = tried(folder, stem);
  if (plain === undefined) return usualRules(platform);
  const foldsCase = isThere(folder, stem.toUpperCase());
  const foldsUnicode = isThere(folder, stem.normalize('NFD'));
  unlinkSync(plain);
  const odd = tried(folder, `${stem}:`);
  if (odd !== undefined) unlinkSync(odd);
  return { windows: odd === undefined, foldsCase, foldsUnicode };
}

function tried(folder: string, name: string): string | undefined {
  const path = join(folder, name);
  try {
    closeSync(openSync(path, 'wx', 0o600));
    return path;
  } catch {
    return undefined;
  }
}

function isThere(folder: string, name: string): boolean {
  return lstatSync(join(folder, name), { throwIfNoEntry: false }) !== undefined;
}
