import type { Glyphs } from './terminal.js';

/** `━━━━━━────`: `cells` wide; full only at 100 %. */
export function bar(percent: number, cells: number, glyphs: Glyphs): string {
  const full = Math.max(0, Math.min(cells, Math.floor((percent / 100) * cells)));
  return glyphs.full.repeat(full) + glyphs.empty.repeat(cells - full);
}
