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

const seconds = (value) => `${value.toFixed(2)} s`;
