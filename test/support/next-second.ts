/** A backup says in whole seconds when it was made: of two in one second, what describes them is the same, and takes no room in the history. */
import { setTimeout } from 'node:timers/promises';

/** The next backup is of another second than all before it. */
export async function nextSecond(): Promise<void> {
  await setTimeout(1000 - (Date.now() % 1000) + 5);
}
