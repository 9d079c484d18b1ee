/**
 * The keychain of the operating system: Keychain on macOS, the Credential Manager on Windows, a secret service (GNOME Keyring, KWallet, KeePassXC) on Linux.
 * The only module that knows @napi-rs/keyring, an optional dependency: where it is not installed ibk does without, and says so when it is asked for.
 */
import { IbkError } from '../errors.js';
import { Secret } from './secret.js';

const PACKAGE: string = '@napi-rs/keyring';
/** As the keychain's own program lists it. */
const SERVICE = 'ibk backup password';

interface Entry {
  getSecret(signal?: AbortSignal | null): Promise<ArrayLike<number> | null>;
  setSecret(secret: Uint8Array, signal?: AbortSignal | null): Promise<void>;
}

type MakeEntry = new (
  service: string,
  account: string,
  options: { readonly linux: { readonly store: 'secret-service' } },
) => Entry;

export class Keychain {
  readonly #make: MakeEntry;

  private constructor(make: MakeEntry) {
    this.#make = make;
  }

  /** @throws IbkError `password`, reason `no_keychain`: the package is not installed, or no keychain answers */
  static async open(signal?: AbortSignal): Promise<Keychain> {
    const keychain = new Keychain(await loadEntry());
    // Asked at once: a run that can save nothing should not begin.
    await keychain.read('probe', signal);
    return keychain;
  }

  /** The password of a device's backups; undefined: none was saved. @throws IbkError `password` */
  async read(udid: string, signal?: AbortSignal): Promise<Secret | undefined> {
    const bytes = await reaching(() => this.#entry(udid).getSecret(signal ?? null));
    return bytes === null || bytes.length === 0 ? undefined : new Secret(Buffer.from(bytes));
  }

  /** Replaces what was saved for the device. @throws IbkError `password` */
  async save(udid: string, secret: Secret, signal?: AbortSignal): Promise<void> {
    await reaching(() => this.#entry(udid).setSecret(secret.bytes(), signal ?? null));
  }

  /** Pinned: the kernel's keyring, which the package falls back to, forgets at each restart. */
  #entry(udid: string): Entry {
    return new this.#make(SERVICE, udid.toUpperCase(), { linux: { store: 'secret-service' } });
  }
}

async function loadEntry(): Promise<MakeEntry> {
  let found: unknown;
  try {
    found = await import(PACKAGE);
  } catch (cause) {
    throw new IbkError('password', `This ibk cannot use a keychain: the package ${PACKAGE} is not installed.`, {
      reason: 'no_keychain',
      meaning: 'It is optional, and was left out or does not fit this computer.',
      hint: `npm install ${PACKAGE} in ibk's folder, or give the password another way: --password-file`,
      cause,
    });
  }
  const make = typeof found === 'object' && found !== null && 'AsyncEntry' in found ? found.AsyncEntry : undefined;
  if (isMaker(make)) return make;
  throw new IbkError('password', `This ibk cannot use a keychain: ${PACKAGE} is of a kind that it does not know.`, {
    reason: 'no_keychain',
  });
}

function isMaker(value: unknown): value is MakeEntry {
  return typeof value === 'function';
}

async function reaching<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'AbortError') throw cause;
    // The words are those of the system; what they say of the password itself is nothing.
    const why = cause instanceof Error ? cause.message.split('\n', 1)[0] : 'it failed';
    throw new IbkError('password', 'The keychain of this computer cannot be reached.', {
      reason: 'no_keychain',
      meaning: `It says: ${why}.`,
      hint: 'On Linux a secret service has to run in this session (GNOME Keyring, KWallet, KeePassXC), and be unlocked. Or: --password-file',
      cause,
    });
  }
}
