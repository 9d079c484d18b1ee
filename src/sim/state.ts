/**
 * `--state DIR`: a simulated phone between runs. One file, `phones.plist` (binary property list, 0600, replaced by rename), holding seed,
 * content history, what the phones trust and the computer's pair records. The backup password is in it, so the folder is the owner's alone.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { IbkError } from '../errors.js';
import { buildBinaryPlist, parsePlist } from '../plist/codec.js';
import { asArray, asData, asDict, asInteger, asString, field, optionalDict } from '../plist/fields.js';
import { type PlistDict, type PlistValue, plistDict } from '../plist/value.js';
import type { ContentState } from './content/content.js';
import { PhoneContent } from './content/content.js';
import type { BackupEncryption } from './mobilebackup2d/phone.js';
import type { Pairing } from './phone/pairing.js';
import { type IosId, isIosId } from './profile.js';
import type { SimulatorOptions } from './simulator.js';

export interface PhoneState {
  readonly ios: IosId;
  readonly content: ContentState;
  readonly pairings: readonly Pairing[];
  readonly setValues: Readonly<Record<string, PlistDict>>;
  readonly encryption?: BackupEncryption;
}

export interface SimulatorState {
  readonly seed: number;
  readonly phones: readonly PhoneState[];
  readonly pairRecords: readonly (readonly [udid: string, record: Buffer])[];
}

const FORMAT = 1;

export class StateFolder {
  /** Saves run one after another, the newest last. */
  #saving: Promise<void> = Promise.resolve();
  #failure: unknown;

  private constructor(
    private readonly path: string,
    /** What an earlier run has left; undefined in a new folder. */
    readonly state: SimulatorState | undefined,
  ) {}

  /** @throws IbkError `destination` when the folder cannot be made, `damaged` when its file cannot be read */
  static async open(folder: string): Promise<StateFolder> {
    const path = join(resolve(folder), 'phones.plist');
    try {
      await mkdir(resolve(folder), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new IbkError('destination', `The state folder ${folder} cannot be made.`, { cause: error });
    }
    const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw new IbkError('destination', `${path} cannot be read: ${error.message}.`, { cause: error });
    });
    if (bytes === undefined) return new StateFolder(path, undefined);
    try {
      return new StateFolder(path, decodeState(parsePlist(bytes, path)));
    } catch (error) {
      throw new IbkError('damaged', `${path} does not hold simulated phones.`, {
        hint: 'Use another folder, or remove the file to begin anew.',
        cause: error,
      });
    }
  }

  save(state: SimulatorState): Promise<void> {
    const bytes = buildBinaryPlist(encodeState(state));
    this.#saving = this.#saving
      .then(() => replaceFile(this.path, bytes))
      .catch((error: unknown) => {
        this.#failure = error;
      });
    return this.#saving;
  }

  /** @throws IbkError `destination` if the last state could not be kept */
  async close(): Promise<void> {
    await this.#saving;
    if (this.#failure === undefined) return;
    throw new IbkError('destination', `${this.path} could not be written.`, { cause: this.#failure });
  }
}

/** Options that contradict what the folder holds would be ignored in silence: refuse them. @throws IbkError `usage` */
export function samePhones(state: SimulatorState, options: SimulatorOptions): void {
  const conflict = (what: string, kept: string) =>
    new IbkError('usage', `The phones in ${options.stateFolder} have ${what} ${kept}.`, {
      hint: `Leave the option out, or use another --state folder.`,
    });
  const ios = state.phones.map((phone) => phone.ios);
  if (options.ios !== undefined && options.ios.join() !== ios.join()) throw conflict('iOS', ios.join(', '));
  if (options.seed !== undefined && options.seed !== state.seed) throw conflict('seed', `${state.seed}`);
  const content = state.phones[0]?.content;
  if (options.files !== undefined && options.files !== content?.files)
    throw conflict('files', `${content?.files ?? 'of a folder'}`);
  if (options.bytes !== undefined && options.bytes !== content?.bytes)
    throw conflict('bytes', `${content?.bytes ?? 'of a folder'}`);
}

async function replaceFile(path: string, bytes: Buffer): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

function encodeState(state: SimulatorState): PlistDict {
  return plistDict({
    Format: FORMAT,
    PairRecords: plistDict(Object.fromEntries(state.pairRecords)),
    Phones: state.phones.map((phone) =>
      plistDict({
        // JSON: it is the content's own business what it keeps.
        Content: JSON.stringify(phone.content),
        Encryption: phone.encryption === undefined ? undefined : JSON.stringify(phone.encryption),
        Ios: phone.ios,
        Pairings: phone.pairings.map((pairing) => plistDict({ ...pairing })),
        SetValues: plistDict(phone.setValues),
      }),
    ),
    Seed: state.seed,
  });
}

function decodeState(value: PlistValue): SimulatorState {
  const root = asDict(value, 'state');
  if (field(root, 'Format') !== FORMAT) throw new Error(`format ${String(field(root, 'Format'))}`);
  return {
    seed: asInteger(field(root, 'Seed'), 'Seed'),
    phones: asArray(field(root, 'Phones'), 'Phones').map((phone, i) => decodePhone(asDict(phone, `Phones[${i}]`))),
    pairRecords: Object.entries(asDict(field(root, 'PairRecords'), 'PairRecords')).map(
      ([udid, record]) => [udid, asData(record, udid)] as const,
    ),
  };
}

function decodePhone(phone: PlistDict): PhoneState {
  const ios = asString(field(phone, 'Ios'), 'Ios');
  if (!isIosId(ios)) throw new Error(`iOS ${ios}`);
  const encryption = field(phone, 'Encryption');
  const setValues = optionalDict(phone, 'SetValues') ?? plistDict();
  return {
    ios,
    content: PhoneContent.fromState(JSON.parse(asString(field(phone, 'Content'), 'Content'))).toState(),
    pairings: asArray(field(phone, 'Pairings'), 'Pairings').map((pairing, i) =>
      decodePairing(asDict(pairing, `Pairings[${i}]`)),
    ),
    setValues: Object.fromEntries(Object.keys(setValues).map((domain) => [domain, asDict(setValues[domain], domain)])),
    ...(encryption === undefined ? {} : { encryption: decodeEncryption(asString(encryption, 'Encryption')) }),
  };
}

function decodePairing(pairing: PlistDict): Pairing {
  const text = (key: string) => asString(field(pairing, key), key);
  return {
    hostId: text('hostId'),
    systemBuid: text('systemBuid'),
    hostCertificate: text('hostCertificate'),
    rootCertificate: text('rootCertificate'),
    deviceCertificate: text('deviceCertificate'),
    escrowBag: asData(field(pairing, 'escrowBag'), 'escrowBag'),
  };
}

function decodeEncryption(json: string): BackupEncryption {
  const dict = asDict(JSON.parse(json) as PlistValue, 'Encryption');
  const iterations = optionalDict(dict, 'iterations');
  const number = (key: string) => asInteger(field(iterations ?? plistDict(), key), key);
  return {
    password: asString(field(dict, 'password'), 'password'),
    ...(iterations === undefined ? {} : { iterations: { dpic: number('dpic'), iter: number('iter') } }),
  };
}
