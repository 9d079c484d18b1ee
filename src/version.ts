import { existsSync, readFileSync } from 'node:fs';

/** From `dist/`, and from `dist/program/`, where the program lies in few files. */
const PLACES = ['../package.json', '../../package.json'];

function readManifest(): unknown {
  const place = PLACES.map((relative) => new URL(relative, import.meta.url)).find((url) => existsSync(url));
  return place === undefined ? undefined : JSON.parse(readFileSync(place, 'utf8'));
}

const manifest = readManifest();

/** The version in package.json. */
export const VERSION: string =
  typeof manifest === 'object' && manifest !== null && 'version' in manifest && typeof manifest.version === 'string'
    ? manifest.version
    : '0.0.0';
