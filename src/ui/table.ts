/**
 * Tables without ruled lines: two spaces between columns, text left, numbers right, headings in sentence case. On a
 * narrow terminal (under 60 columns) each row becomes a block of `key: value`; what people copy stands last, uncut.
 */
import type { Screen } from './terminal.js';
import { displayWidth, padEnd, padStart, shorten } from './text.js';

const NARROW = 60;
const SHORTEST_NAME = 8;

export interface Column {
  readonly heading: string;
  readonly align?: 'left' | 'right';
  /** May be cut with `…` to make the table fit a terminal. */
  readonly flexible?: boolean;
}

export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

export interface TableLayout {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  readonly indent?: string;
  /** Widths so far, so that several tables of one answer line up. */
  readonly widths?: readonly number[];
  readonly headings?: boolean;
}

/** @returns the lines, without line feeds at their ends */
export function renderTable(table: TableLayout, screen: Screen): string[] {
  const width = screen.width();
  return width !== undefined && width < NARROW ? renderBlocks(table) : renderColumns(table, screen, width);
}

export function columnWidths({ columns, rows }: Pick<TableLayout, 'columns' | 'rows'>): number[] {
  return columns.map(({ heading }, index) =>
    rows.reduce((widest, row) => Math.max(widest, displayWidth(row[index]?.text ?? '')), displayWidth(heading)),
  );
}

function renderColumns(table: TableLayout, screen: Screen, width: number | undefined): string[] {
  const { columns, rows, indent = '', headings = true } = table;
  const widths = fitWidths(table.widths ?? columnWidths(table), table, width);
  const line = (cells: readonly Cell[]): string => {
    const parts = columns.map((column, index) => {
      const cell = cells[index] ?? { text: '' };
      const room = widths[index] ?? 0;
      const text = width === undefined || !column.flexible ? cell.text : shorten(cell.text, room, screen.glyphs.more);
      const last = index === columns.length - 1 && column.align !== 'right';
      const padded = column.align === 'right' ? padStart(text, room) : last ? text : padEnd(text, room);
      return cell.paint === undefined ? padded : paintWord(padded, text, cell.paint);
    });
    return `${indent}${parts.join('  ')}`.trimEnd();
  };
  const head = line(columns.map(({ heading }) => ({ text: heading, paint: screen.style.dim })));
  return [...(headings ? [head] : []), ...rows.map(line)];
}

/** Colours the text and leaves the padding plain. */
function paintWord(padded: string, text: string, paint: (text: string) => string): string {
  if (text === '') return padded;
  const at = padded.indexOf(text);
  return `${padded.slice(0, at)}${paint(text)}${padded.slice(at + text.length)}`;
}

function fitWidths(
  widths: readonly number[],
  { columns, indent = '' }: TableLayout,
  width: number | undefined,
): number[] {
  const fitted = [...widths];
  if (width === undefined) return fitted;
  let over = indent.length + fitted.reduce((sum, each) => sum + each + 2, -2) - width;
  for (const [index, column] of columns.entries()) {
    const current = fitted[index] ?? 0;
    if (!column.flexible || over <= 0 || current <= SHORTEST_NAME) continue;
    const next = Math.max(SHORTEST_NAME, current - over);
    over -= current - next;
    fitted[index] = next;
  }
  return fitted;
}

function renderBlocks({ columns, rows, indent = '' }: TableLayout): string[] {
  return rows.flatMap((row, index) => {
    const lines = columns.flatMap(({ heading }, at) => {
      const cell = row[at];
      if (cell === undefined || cell.text === '') return [];
      const value = cell.paint === undefined ? cell.text : cell.paint(cell.text);
      return [`${indent}${heading === '' ? '' : `${heading}: `}${value}`];
    });
    return index === 0 ? lines : ['', ...lines];
  });
}
