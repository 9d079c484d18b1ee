/** What is left to play of a script, and where the computer did otherwise than in the trace. */
import { field } from '../../plist/fields.js';
import { isPlistDict, type PlistDict, type PlistValue } from '../../plist/value.js';
import type { DeviceLinkStep } from './device-link-steps.js';
import type { AfcExchange, Exchange, ReplayScript } from './script.js';

/** Values that a trace shows, and that the simulated phone takes over. */
const KEPT_VALUES = ['ActivationState', 'DeviceClass', 'PasswordProtected', 'ProductName'];
const MAX_NOTES = 100;

export class ReplayPlayer {
  /** In words, oldest first; empty when the computer has done the same again. */
  readonly divergences: string[] = [];
  readonly #lockdown = new Map<string, Exchange[]>();
  readonly #services = new Map<string, (readonly Exchange[])[]>();
  readonly #afc: AfcExchange[];
  readonly #backups: (readonly DeviceLinkStep[])[];

  constructor(readonly script: ReplayScript) {
    for (const exchange of script.lockdown) {
      const key = lockdownKey(exchange.name, exchange.request);
      const list = this.#lockdown.get(key);
      if (list === undefined) this.#lockdown.set(key, [exchange]);
      else list.push(exchange);
    }
    for (const [layer, lists] of script.services) this.#services.set(layer, [...lists]);
    this.#afc = [...script.afc];
    this.#backups = [...script.backups];
  }

  diverged(text: string): void {
    if (this.divergences.length < MAX_NOTES) this.divergences.push(text);
  }

  /** The answer that this request got in the trace; the last one again when it is sent more often; undefined if it never was. */
  lockdown(name: string, request: PlistDict): PlistDict | undefined {
    const list = this.#lockdown.get(lockdownKey(name, request));
    const exchange = list !== undefined && list.length > 1 ? list.shift() : list?.[0];
    const [answer] = exchange?.answers ?? [];
    return isPlistDict(answer) ? answer : undefined;
  }

  /** Values of the domain without a name that the trace shows. */
  keptValues(): PlistDict {
    const kept: PlistDict = Object.create(null);
    for (const { name, request, answers } of this.script.lockdown) {
      const [answer] = answers;
      if (name !== 'GetValue' || !isPlistDict(request) || request.Domain !== undefined || !isPlistDict(answer))
        continue;
      if (!isPlistDict(answer.Value)) continue;
      for (const key of KEPT_VALUES) {
        const value = field(answer.Value, key);
        if (value !== undefined) kept[key] = value;
      }
    }
    return kept;
  }

  /** Did the trace's phone encrypt? */
  get encrypted(): boolean {
    return this.script.lockdown.some(
      ({ request, answers: [answer] }) =>
        isPlistDict(request) && request.Key === 'WillEncrypt' && isPlistDict(answer) && answer.Value === true,
    );
  }

  /** The exchanges of the next connection of a helper service. */
  service(layer: string): readonly Exchange[] | undefined {
    const lists = this.#services.get(layer);
    return lists !== undefined && lists.length > 1 ? lists.shift() : lists?.[0];
  }

  /** The next AFC answer, if it is one to this operation. */
  afc(name: string): AfcExchange | undefined {
    if (this.#afc[0]?.name !== name) {
      this.diverged(`afc: ${name} where the trace has ${this.#afc[0]?.name ?? 'nothing more'}`);
      return undefined;
    }
    return this.#afc.shift();
  }

  /** The steps of the next connection of the backup service; the last ones again when it is connected more often. */
  backup(): readonly DeviceLinkStep[] | undefined {
    return this.#backups.length > 1 ? this.#backups.shift() : this.#backups[0];
  }
}

/** Requests that are about the same thing. */
function lockdownKey(name: string, request: PlistValue): string {
  const word = (key: string) => (isPlistDict(request) && typeof request[key] === 'string' ? request[key] : '');
  return [name, word('Service'), word('Domain'), word('Key')].join('\0');
}
