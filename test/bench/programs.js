/** What is compared. Each gets a root of its own, and the environment that leads to the simulated phone. */
import { join } from 'node:path';
import { IBK } from './phone.js';

const DISCARD = new URL('./discard.js', import.meta.url).pathname;

export const PROGRAMS = [
  { name: 'idevicebackup2', command: (root, full) => ['idevicebackup2', 'backup', ...(full ? ['--full'] : []), root] },
  {
    name: 'ibk',
    command: (root, full) => [process.execPath, IBK, 'backup', '--json', ...(full ? ['--full'] : []), '-o', root],
    commitSeconds: (lines) => commitSeconds(lines),
  },
  {
    name: 'discard',
    command: (root, full) => [process.execPath, DISCARD, join(root, 'state'), ...(full ? ['--full'] : [])],
  },
];

/** From the phase `commit` to the summary: the check has passed by then, and at the end everything is durable. */
export const commitSeconds = (lines) => secondsFrom('commit', lines);

/** From the phase `check` to the summary: all that is left to do when the phone has said its last word. */
export const ownSeconds = (lines) => secondsFrom('check', lines);

function secondsFrom(name, lines) {
  const events = lines.map(({ text, at }) => ({ ...JSON.parse(text), at }));
  const begun = events.find(({ type, phase }) => type === 'phase' && phase === name);
  return events.findLast(({ type }) => type === 'summary').at - begun.at;
}
