/** The table of one step: medians of its rounds, with idevicebackup2 as 1.00x. */
import { median } from './measure.js';

const COLUMNS = [
  ['wall', 9],
  ['ratio', 9],
  ['CPU', 10],
  ['peak memory', 13],
  ['part', 10],
  ['CPU of the simulator', 22],
];
/** A part of the time that is shown apart, where it was measured. */
const PARTS = [
  ['commit', 'commitSeconds'],
  ['check', 'checkSeconds'],
];

/** @param results program -> figures of each round */
export function stepTable(title, results) {
  const reference = results.get('idevicebackup2');
  const referenceWall = reference && median(reference.map(({ wallSeconds }) => wallSeconds));
  const [partName, part] = PARTS.find(([, key]) =>
    [...results.values()].some(([first]) => first?.[key] !== undefined),
  ) ?? [''];
  const names = COLUMNS.map(([name, width]) => (name === 'part' ? partName : name).padStart(width));
  const lines = ['', title, ''.padEnd(15) + names.join('')];
  for (const [name, rounds] of results) {
    const of = (key) => median(rounds.map((figures) => figures[key]));
    const wall = of('wallSeconds');
    const cells = [
      seconds(wall),
      referenceWall === undefined ? '' : `${(wall / referenceWall).toFixed(2)}x`,
      seconds(of('cpuSeconds')),
      `${(of('peakBytes') / 1e6).toFixed(0)} MB`,
      rounds[0][part] === undefined ? '' : seconds(of(part)),
      seconds(of('phoneCpuSeconds')),
    ];
    lines.push(name.padEnd(15) + cells.map((cell, i) => cell.padStart(COLUMNS[i][1])).join(''));
  }
  return `${lines.join('\n')}\n`;
}

/**
 * Medians with their ratio to the first row.
 * @param columns `[heading, key of the figure]`
 * @param rows `{ name, rounds, limit }`; a limit holds for each ratio of its row
 */
export function limitTable(title, columns, rows) {
  const [reference] = rows;
  const of = ({ rounds }, key) => median(rounds.map((figures) => figures[key]));
  const lines = rows.map((row) => {
    const ratio = (key) => (row === reference ? '' : `${(of(row, key) / of(reference, key)).toFixed(2)}x`);
    const cells = columns.flatMap(([, key]) => [seconds(of(row, key)), ratio(key)]);
    return line(row.name, [...cells, limitOf(row)]);
  });
  return `\n${title}\n${line('', [...columns.flatMap(([heading]) => [heading, 'ratio']), 'limit'])}${lines.join('')}`;
}

/** @param rows `{ name, bytes, of, limit }`: what was measured, and what it is held against; rows of one name are one, with their median */
export function spaceTable(title, rows) {
  const names = [...new Set(rows.map(({ name }) => name))];
  const lines = names.map((name) => {
    const same = rows.filter((row) => row.name === name);
    const [bytes, of] = ['bytes', 'of'].map((key) => median(same.map((row) => row[key])));
    return line(name, [megabytes(bytes), megabytes(of), `${(bytes / of).toFixed(3)}x`, limitOf(same[0])], 44);
  });
  return `\n${title}\n${line('', ['takes', 'beside', 'ratio', 'limit'], 44)}${lines.join('')}`;
}

const line = (name, cells, width = 15) => `${name.padEnd(width)}${cells.map((cell) => cell.padStart(11)).join('')}\n`;

const limitOf = ({ limit }) => (limit === undefined ? '' : `${limit.toFixed(2)}x`);

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;

const seconds = (value) => `${value.toFixed(2)} s`;
