/** The table of one step: medians of its rounds, with idevicebackup2 as 1.00x. */
import { median } from './measure.js';

const COLUMNS = [
  ['wall', 9],
  ['ratio', 9],
  ['CPU', 10],
  ['peak memory', 13],
  ['commit', 10],
  ['CPU of the simulator', 22],
];

/** @param results program -> figures of each round */
export function stepTable(title, results) {
  const reference = results.get('idevicebackup2');
  const referenceWall = reference && median(reference.map(({ wallSeconds }) => wallSeconds));
  const lines = ['', title, ''.padEnd(15) + COLUMNS.map(([name, width]) => name.padStart(width)).join('')];
  for (const [name, rounds] of results) {
    const of = (key) => median(rounds.map((figures) => figures[key]));
    const wall = of('wallSeconds');
    const cells = [
      seconds(wall),
      referenceWall === undefined ? '' : `${(wall / referenceWall).toFixed(2)}x`,
      seconds(of('cpuSeconds')),
      `${(of('peakBytes') / 1e6).toFixed(0)} MB`,
      rounds[0].commitSeconds === undefined ? '' : seconds(of('commitSeconds')),
      seconds(of('phoneCpuSeconds')),
    ];
    lines.push(name.padEnd(15) + cells.map((cell, i) => cell.padStart(COLUMNS[i][1])).join(''));
  }
  return `${lines.join('\n')}\n`;
}

const seconds = (value) => `${value.toFixed(2)} s`;
