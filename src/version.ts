import { readFileSync } from 'node:fs';

/** From `dist/`, and from `dist/program/`, where the program lies in few files. */
const PLACES = ['../package.json', '../../package.json'];

function readManifest(): unknown {
  for (const place of PLACES) {
    try {
      return JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8'));
    } catch {
      // The other one.
    }
  }
  return undefined;
}

const manifest = readManifest();

/** The version in package.json. */
export const VERSION: string =
  typeof manifest === 'object' && manifest !== null && 'version' in manifest && typeof manifest.version === 'string'
    ? manifest.version
    : '0.0.0';
