/**
 * Content that a restore has put on the phone: `items.json` lists every file, directory and link of the phone, `files/` holds the bytes of those that came
 * from the backup. What the restore left as it was keeps its own source, which may be a place in the folder of an earlier restore.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContentItem } from './item.js';

const ITEMS = 'items.json';

export async function saveRestored(folder: string, items: readonly ContentItem[]): Promise<void> {
  await writeFile(join(folder, ITEMS), JSON.stringify(items, packBytes), { mode: 0o600 });
}

/** As `saveRestored` wrote it: the folder is the simulator's own. */
export async function readRestored(folder: string): Promise<ContentItem[]> {
  return JSON.parse(await readFile(join(folder, ITEMS), 'utf8'), unpackBytes);
}

/** `JSON.stringify` has made `{type: 'Buffer', data: [...]}` of bytes already. */
function packBytes(_key: string, value: unknown): unknown {
  const bytes = bufferOf(value);
  return bytes === undefined ? value : { base64: bytes.toString('base64') };
}

function bufferOf(value: unknown): Buffer | undefined {
  if (typeof value !== 'object' || value === null || !('type' in value) || value.type !== 'Buffer') return undefined;
  return 'data' in value && Array.isArray(value.data) ? Buffer.from(value.data) : undefined;
}

function unpackBytes(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('base64' in value)) return value;
  return typeof value.base64 === 'string' ? Buffer.from(value.base64, 'base64') : value;
}
