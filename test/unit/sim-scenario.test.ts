import { expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import { SCENARIOS, ScenarioSet, describeScenarios } from '../../src/sim/scenario.js';

test('every scenario has one name and one line', () => {
  const names = SCENARIOS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, description } of SCENARIOS) {
    expect(name).toMatch(/^[a-z][a-z0-9-]*$/);
    expect(description).not.toMatch(/\n|^$/);
  }
  expect(describeScenarios().split('\n')).toHaveLength(SCENARIOS.length);
});

test('reads names and values, several of one name too', () => {
  const set = ScenarioSet.parse(['trust-pending=5', 'locked', 'afc-busy', 'service-error=A:x', 'service-error=B:y']);
  expect(set.number('trust-pending', 0)).toBe(5);
  expect(set.has('locked')).toBe(true);
  expect(set.value('locked')).toBe('');
  expect(set.number('afc-busy', 0)).toBe(3);
  expect(set.values('service-error')).toEqual(['A:x', 'B:y']);
  expect(set.has('network')).toBe(false);
  expect(set.number('detach-after', 7)).toBe(7);
  expect(set.list()).toContain('service-error=B:y');
});

test.each([
  ['nonsense', 'There is no scenario "nonsense".'],
  ['locked=1', 'takes no value'],
  ['pair-error', 'needs a value'],
  ['pair-error=', 'needs a value'],
  ['pair-error=Nonsense', 'cannot be "Nonsense"'],
])('refuses %s', (text, words) => {
  expect(() => ScenarioSet.parse([text])).toThrow(IbkError);
  expect(() => ScenarioSet.parse([text])).toThrow(words);
});

test('an unknown name lists all, an odd number is refused when it is used', () => {
  const error = (() => {
    try {
      ScenarioSet.parse(['x']);
    } catch (thrown) {
      return thrown as IbkError;
    }
  })();
  expect(error?.code).toBe('usage');
  for (const { name } of SCENARIOS) expect(error?.meaning).toContain(name);
  expect(() => ScenarioSet.parse(['trust-pending=many']).number('trust-pending', 0)).toThrow('needs a number');
});
