/** `--keychain` and `--save-password`: passwords that the operating system keeps, by the device whose backups they open. */
import { IbkError } from '../errors.js';
import { orAborted } from '../io/abort.js';
import { Keychain } from '../io/keychain.js';
import type { Secret } from '../io/secret.js';

export class SavedPasswords {
  readonly #saves: boolean;
  readonly #signal: AbortSignal;
  /** Given in this run, newest each, in the order of the first. */
  readonly #given = new Map<string, Secret>();
  #keychain: Promise<Keychain> | undefined;

  /** @param saves `--save-password` */
  constructor(saves: boolean, signal: AbortSignal) {
    this.#saves = saves;
    this.#signal = signal;
  }

  /** Before a run that is to save. @throws IbkError `password`, reason `no_keychain` */
  async ready(): Promise<void> {
    if (this.#saves) await this.#open();
  }

  /** Undefined: none was saved for this device. @throws IbkError `password`, reason `no_keychain` */
  async of(udid: string): Promise<Secret | undefined> {
    return orAborted((await this.#open()).read(udid, this.#signal), this.#signal);
  }

  /** Somebody gave it for backups of this device; whether it is right shows in how the run ends. */
  note(udid: string | undefined, secret: Secret): void {
    if (!this.#saves || udid === undefined) return;
    this.#given.get(udid)?.wipe();
    this.#given.set(udid, secret.copy());
  }

  /**
   * After a run that went well.
   * @returns how many were saved
   * @throws IbkError `partial`: the work is done, but it is not kept
   */
  async save(): Promise<number> {
    try {
      for (const [udid, secret] of this.#given) await (await this.#open()).save(udid, secret, this.#signal);
      return this.#given.size;
    } catch (cause) {
      throw new IbkError('partial', 'The password could not be saved in the keychain.', {
        reason: 'not_saved',
        meaning: 'All else is done, as is said above.',
        hint: 'Unlock the keychain, then: ibk encrypt check latest --save-password',
        cause,
      });
    }
  }

  wipe(): void {
    for (const secret of this.#given.values()) secret.wipe();
    this.#given.clear();
  }

  #open(): Promise<Keychain> {
    this.#keychain ??= orAborted(Keychain.open(this.#signal), this.#signal);
    return this.#keychain;
  }
}
