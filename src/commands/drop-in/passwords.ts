/** Passwords as idevicebackup2 takes them: the arguments, then the environment, then with `-i` whoever sits there, a pipe too. */
import type { PasswordSource } from '../../config/password.js';
import { IbkError } from '../../errors.js';
import { Secret } from '../../io/secret.js';
import { askSecret } from '../../ui/secret-prompt.js';
import { fetchPassword } from '../password-source.js';
import type { Session } from '../session.js';

const QUESTIONS = {
  backup: 'Enter backup password:',
  current: 'Enter current backup password:',
  old: 'Enter old backup password:',
  new: 'Enter new backup password:',
} as const;

export class DropInPasswords {
  /** @param given the arguments */
  constructor(
    private readonly session: Session,
    private readonly interactive: boolean,
    given: readonly string[],
  ) {
    this.#given = given.filter((text) => text !== '').map((text) => Secret.of(text));
  }

  readonly #given: readonly Secret[];

  /** Of a backup, to read it. Once: undefined when it was not right, or there is none. */
  forBackup(): () => Promise<Secret | undefined> {
    let asked = false;
    return async () => {
      if (asked) return undefined;
      asked = true;
      return this.#known(this.#given[0], 'backup');
    };
  }

  /** @throws IbkError `password`: nobody gave one */
  async present(question: 'current' | 'old'): Promise<Secret> {
    return (await this.#known(this.#given[0], question)) ?? missing();
  }

  /** For a device that has none yet. @throws IbkError `password` */
  async first(): Promise<Secret> {
    return this.#new(this.#given[0], this.session.config.password ?? this.session.config.newPassword);
  }

  /** In the place of the present one. @throws IbkError `password` */
  async next(): Promise<Secret> {
    return this.#new(this.#given[1], this.session.config.newPassword);
  }

  async #known(given: Secret | undefined, question: 'backup' | 'current' | 'old'): Promise<Secret | undefined> {
    const { password } = this.session.config;
    if (given !== undefined) return given.copy();
    if (password !== undefined) return fetchPassword(password, this.session);
    return this.interactive ? this.#ask(QUESTIONS[question]) : undefined;
  }

  async #new(given: Secret | undefined, source: PasswordSource | undefined): Promise<Secret> {
    if (given !== undefined) return given.copy();
    if (source !== undefined) return fetchPassword(source, this.session);
    const first = this.interactive ? await this.#ask(QUESTIONS.new) : undefined;
    if (first === undefined) return missing();
    const again = await this.#ask('Enter new backup password (repeat):');
    if (again?.equals(first) === true) return first;
    throw new IbkError('password', "The passwords don't match.", { meaning: 'Nothing was changed.' });
  }

  #ask(question: string): Promise<Secret | undefined> {
    const { terminal, signal } = this.session;
    return askSecret(question, { terminal, json: false, noInput: false, signal });
  }
}

function missing(): never {
  throw new IbkError('password', 'No password was given, and without -i nobody is asked.', {
    reason: 'no_password',
    meaning: 'Nothing was changed.',
    hint: 'Set BACKUP_PASSWORD, or add -i.',
  });
}
