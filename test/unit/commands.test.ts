/** The table of commands, from which each is loaded by its words. */
import { expect, test } from 'vitest';
import { allCommands, commandsNamed } from '../../src/commands/all.js';
import { COMMAND_NAMES } from '../../src/ui/help.js';

test('a command is loaded by its name and its aliases, and help names them all', async () => {
  const commands = await allCommands();
  for (const { words, spec } of commands) expect(words).toEqual([spec.help.name, ...(spec.aliases ?? [])]);
  // The verb of another program for a whole extract: help of `extract` names it.
  const named = commands.map(({ spec }) => spec.help.name).filter((name) => name !== 'unback');
  expect([...named, 'sim'].sort()).toEqual([...COMMAND_NAMES].sort());
});

test('only what is named is loaded', async () => {
  const named = async (...args: string[]) => (await commandsNamed(args)).map(({ help }) => help.name);
  expect(await named('-u', 'x', 'list', '--json')).toEqual(['list']);
  expect(await named('ls')).toEqual(['list']);
  expect(await named('--version')).toEqual([]);
});
