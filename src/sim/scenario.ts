/** The registry of scenarios, and the set that one simulated iPhone plays. */
import { IbkError } from '../errors.js';
import { BACKUP_SCENARIOS } from './scenarios/backup.js';
import { CONNECTION_SCENARIOS } from './scenarios/connection.js';
import type { ScenarioDefinition } from './scenarios/definition.js';

export type { ScenarioDefinition } from './scenarios/definition.js';

export const SCENARIOS: readonly ScenarioDefinition[] = [...CONNECTION_SCENARIOS, ...BACKUP_SCENARIOS];

/** The list that `ibk sim --list-scenarios` prints: one line a scenario. */
export function describeScenarios(): string {
  const names = SCENARIOS.map(spelling);
  const width = Math.max(...names.map((name) => name.length));
  return SCENARIOS.map((scenario, i) => `${(names[i] ?? '').padEnd(width)}  ${scenario.description}`).join('\n');
}

function spelling(scenario: ScenarioDefinition): string {
  if (scenario.value === undefined) return scenario.name;
  return scenario.defaultValue === undefined
    ? `${scenario.name}=${scenario.value}`
    : `${scenario.name}[=${scenario.value}]`;
}

/** Which scenarios are on, with their values. Immutable. */
export class ScenarioSet {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  private constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  static readonly none = new ScenarioSet(new Map());

  /**
   * Reads `NAME` and `NAME=VALUE` texts. The same name may come several times with different values.
   * @throws IbkError `usage` for an unknown name (listing all), a missing, superfluous or impossible value.
   */
  static parse(texts: readonly string[]): ScenarioSet {
    const values = new Map<string, string[]>();
    for (const text of texts) {
      const [name, value] = readScenario(text);
      values.set(name, [...(values.get(name) ?? []), value]);
    }
    return new ScenarioSet(values);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value given (or its default); undefined when the scenario is off. An empty string when it takes none. */
  value(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  /** All values given for a scenario that was named several times. */
  values(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** The value as a number; `fallback` when the scenario is off. @throws IbkError `usage` when the value is not a number. */
  number(name: string, fallback: number): number {
    const text = this.value(name);
    if (text === undefined) return fallback;
    const number = text === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(number)) throw wrong(`Scenario ${name} needs a number, not "${text}".`);
    return number;
  }

  /** As given on the command line, for `stats`. */
  list(): readonly string[] {
    return [...this.#values].flatMap(([name, values]) => values.map((v) => (v === '' ? name : `${name}=${v}`)));
  }
}

function readScenario(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  const scenario = SCENARIOS.find((candidate) => candidate.name === name);
  if (scenario === undefined) {
    throw new IbkError('usage', `There is no scenario "${name}".`, {
      meaning: `The scenarios are:\n${describeScenarios()}`,
      hint: 'ibk sim --list-scenarios',
    });
  }
  if (scenario.value === undefined) {
    if (at >= 0) throw wrong(`Scenario ${name} takes no value.`);
    return [name, ''];
  }
  const value = at < 0 ? scenario.defaultValue : text.slice(at + 1);
  if (value === undefined || value === '') throw wrong(`Scenario ${name} needs a value: ${spelling(scenario)}.`);
  if (scenario.choices !== undefined && !scenario.choices.includes(value)) {
    throw wrong(`Scenario ${name} cannot be "${value}". It can be: ${scenario.choices.join(', ')}.`);
  }
  return [name, value];
}

function wrong(message: string): IbkError {
  return new IbkError('usage', message, { hint: 'ibk sim --list-scenarios' });
}
