/** `ibk stats`: a row for each device, and their sums. */
import { formatBytes, groupThousands } from '../figures.js';
import type { DeviceStats } from '../operations/retention/stats.js';
import { type Cell, type Column, renderTable } from './table.js';
import type { Screen } from './terminal.js';
import { printable } from './text.js';

const WIDE = 120;

export function statsLines(devices: readonly DeviceStats[], screen: Screen): string[] {
  const width = screen.width();
  const wide = width === undefined || width >= WIDE;
  const headings = ['Newest', 'History', ...(wide ? ['Manifests'] : []), 'Total', 'Versions', 'As full copies'];
  const columns: Column[] = [
    { heading: '', flexible: true },
    ...headings.map((heading): Column => ({ heading, align: 'right' })),
  ];
  const rows = devices.map((device) => [{ text: printable(device.name) }, ...cellsOf(device, wide, screen)]);
  const sums: Cell[][] = devices.length > 1 ? [[{ text: '' }, ...cellsOf(sumOf(devices), wide, screen)]] : [];
  return renderTable({ columns, rows: [...rows, ...sums] }, screen);
}

function cellsOf(device: Omit<DeviceStats, 'udid' | 'name'>, wide: boolean, { glyphs, style }: Screen): Cell[] {
  const bytes = (value: number | null): Cell => ({ text: value === null ? glyphs.unknown : formatBytes(value) });
  const { versions } = device;
  return [
    bytes(device.newestBytes),
    bytes(device.historyBytes),
    ...(wide ? [bytes(device.manifestBytes)] : []),
    bytes(device.totalBytes),
    { text: versions === null ? glyphs.unknown : groupThousands(versions) },
    { ...bytes(device.fullCopiesBytes), paint: style.dim },
  ];
}

function sumOf(devices: readonly DeviceStats[]): Omit<DeviceStats, 'udid' | 'name'> {
  const sum = (of: (device: DeviceStats) => number | null): number =>
    devices.reduce((total, device) => total + (of(device) ?? 0), 0);
  return {
    newestBytes: sum(({ newestBytes }) => newestBytes),
    historyBytes: sum(({ historyBytes }) => historyBytes),
    manifestBytes: sum(({ manifestBytes }) => manifestBytes),
    totalBytes: sum(({ totalBytes }) => totalBytes),
    versions: sum(({ versions }) => versions),
    fullCopiesBytes: sum(({ fullCopiesBytes }) => fullCopiesBytes),
  };
}
