/** The name of an output that nobody named: `Annas-iPhone-2026-11-21`. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { formatDate } from '../../figures.js';

const LONGEST = 60;

/** Letters and digits of any script; a name from a phone may hold anything. */
export function outputName(deviceName: string, madeAt: Date | null): string {
  const words = deviceName.replace(/['’‘`´]/g, '').match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  const name = [...words.join('-')].slice(0, LONGEST).join('').replace(/-$/, '');
  const date = madeAt === null ? '' : `-${formatDate(madeAt).slice(0, 10)}`;
  return `${name === '' ? 'backup' : name}${date}`;
}

/** The first of `name`, `name-2`, `name-3` … that is not there yet. */
export function freeName(folder: string, name: string, suffix: string): string {
  for (let number = 1; ; number++) {
    const numbered = `${name}${number === 1 ? '' : `-${number}`}${suffix}`;
    if (lstatSync(join(folder, numbered), { throwIfNoEntry: false }) === undefined) return numbered;
  }
}
