/** Simulated iPhones behind one muxer: what `ibk sim` runs, and tests run in process. */
import { createHash } from 'node:crypto';
import { IbkError } from '../errors.js';
import { type Clock, systemClock } from '../io/clock.js';
import { PhoneContent, withContentScenarios } from './content/content.js';
import { runControl } from './control/commands.js';
import { checkBackupScenarios } from './mobilebackup2d/faults.js';
import type { BackupEncryption } from './mobilebackup2d/phone.js';
import { buildBinaryPlist } from '../plist/codec.js';
import { PairRecordStore } from './muxer/pair-records.js';
import { Muxer } from './muxer/server.js';
import { readyPairing } from './phone/host-certificates.js';
import { type PhoneSetup, SimulatedPhone } from './phone/phone.js';
import { RestoreFolders } from './phone/restore-folders.js';
import { IOS_PROFILES, type IosId } from './profile.js';
import { ReplayPlayer } from './replay/player.js';
import { makeScript } from './replay/script.js';
import { readTraceFile } from './replay/trace-file.js';
import { ScenarioSet } from './scenario.js';
import { type SimulatorState, StateFolder, samePhones } from './state.js';
import { formatAddress, parseListenAddress, privateAddress } from './wire/address.js';

export interface SimulatorOptions {
  /** `UNIX:/path`, `/path` or `host:port` (port 0: any free one). Default: a private socket in the temp folder. */
  readonly listen?: string;
  /** One phone for each entry. Default: one with iOS 17. */
  readonly ios?: readonly IosId[];
  /** Contents, keys and identifiers follow from it. Default 1. */
  readonly seed?: number;
  /** Number and total size of the files of each phone. Default 500 files, 50,000,000 bytes. */
  readonly files?: number;
  readonly bytes?: number;
  /** Files from this folder, `<Domain>/<relative path>`, instead of made-up ones. */
  readonly contentFolder?: string;
  /** Backup encryption is on, with this password. */
  readonly encryption?: BackupEncryption;
  /** Keeps the phones in this folder between runs. What it holds wins over the options above, but for encryption. */
  readonly stateFolder?: string;
  /** Plays the phone of this trace (`ibk … --trace FILE`) instead of one made up. */
  readonly replayTrace?: string;
  readonly scenarios?: readonly string[] | ScenarioSet;
  readonly clock?: Clock;
  /** Hears at once of anything that a real phone would not accept. */
  readonly onViolation?: (text: string, udid: string | null) => void;
}

export interface Simulator extends AsyncDisposable {
  /** As USBMUXD_SOCKET_ADDRESS wants it. */
  readonly listen: string;
  readonly phones: readonly SimulatedPhone[];
  /** The pair records that the simulated computer keeps. */
  readonly pairRecords: PairRecordStore;
  /** What a real phone or usbmuxd would not have accepted, from all phones. */
  readonly violations: readonly string[];
  close(): Promise<void>;
}

/** Options that a replayed trace decides. */
const NOT_WITH_REPLAY = ['ios', 'files', 'bytes', 'contentFolder', 'encryption', 'stateFolder'] as const;

/** Resolves when clients can connect. @throws IbkError `usage`, `in_use`, `destination`, `damaged` (state folder) */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const scenarios =
    options.scenarios instanceof ScenarioSet ? options.scenarios : ScenarioSet.parse(options.scenarios ?? []);
  const contrary = NOT_WITH_REPLAY.find((option) => options.replayTrace !== undefined && options[option] !== undefined);
  if (contrary !== undefined) throw new IbkError('usage', `A replayed trace decides about ${contrary} itself.`);
  checkBackupScenarios(scenarios);
  const clock = options.clock ?? systemClock;
  const folder = options.stateFolder === undefined ? undefined : await StateFolder.open(options.stateFolder);
  const state = folder?.state ?? newState(options, scenarios);
  if (folder?.state !== undefined) samePhones(folder.state, options);

  const violations: string[] = [];
  const report = (text: string, udid: string | null) => {
    violations.push(text);
    options.onViolation?.(text, udid);
  };
  const buid = systemBuid(state.seed);
  const restoreFolders = new RestoreFolders(options.stateFolder);
  const common = { seed: state.seed, scenarios, clock, restoreFolder: () => restoreFolders.next() };
  const phones =
    options.replayTrace === undefined
      ? phonesOfState(state, options, common)
      : [await replayedPhone(options.replayTrace, common)];
  const save = () => folder?.save(currentState(state.seed, phones, pairRecords));
  const pairRecords = new PairRecordStore(state.pairRecords, save);
  for (const phone of phones) {
    phone.on('violation', (text) => report(text, phone.udid));
    phone.on('changed', save);
    if (scenarios.has('paired') || phone.replay?.script.paired) await pairBeforehand(phone, buid, pairRecords);
  }
  await save();

  const address = options.listen === undefined ? await privateAddress() : parseListenAddress(options.listen);
  const muxer = await Muxer.listen({
    address,
    phones,
    buid,
    pairRecords,
    control: (request) => runControl(request, phones, violations),
    violation: (text) => report(text, null),
  });
  const scheduled = new AbortController();
  unplugLater(phones, scenarios, clock, scheduled.signal);
  const close = async () => {
    scheduled.abort();
    for (const phone of phones) phone.unplug();
    await muxer.close();
    await folder?.close();
    await restoreFolders.close();
  };
  return {
    listen: formatAddress(muxer.address),
    phones,
    pairRecords,
    violations,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What all phones of a simulator share. */
type CommonSetup = Pick<PhoneSetup, 'seed' | 'scenarios' | 'clock' | 'restoreFolder'>;

function phonesOfState(state: SimulatorState, options: SimulatorOptions, common: CommonSetup): SimulatedPhone[] {
  return state.phones.map((kept, i) => {
    const encryption = options.encryption ?? kept.encryption;
    const phone = new SimulatedPhone({
      ...common,
      profile: IOS_PROFILES[kept.ios],
      index: i + 1,
      content: PhoneContent.fromState(kept.content),
      pairings: kept.pairings,
      ...(encryption === undefined ? {} : { encryption }),
    });
    for (const [domain, values] of Object.entries(kept.setValues)) phone.setValues.set(domain, values);
    return phone;
  });
}

async function replayedPhone(trace: string, common: CommonSetup): Promise<SimulatedPhone> {
  const replay = new ReplayPlayer(makeScript(await readTraceFile(trace)));
  const content = PhoneContent.fromSeed({ seed: common.seed, files: 0, bytes: 0 });
  const { profile } = replay.script;
  const encryption = replay.encrypted ? { encryption: { password: 'replayed' } } : {};
  return new SimulatedPhone({ ...common, profile, index: 1, content, replay, ...encryption });
}

/** Trust on both sides, unless a state folder has kept some. */
async function pairBeforehand(phone: SimulatedPhone, systemBuid: string, pairRecords: PairRecordStore): Promise<void> {
  if (pairRecords.read(phone.udid) !== undefined) return;
  const { pairing, record } = await readyPairing({
    label: `ibk-sim/computer/${phone.udid}`,
    deviceKey: await phone.key(),
    systemBuid,
    wifiAddress: phone.identity.wifiAddress,
    escrowBag: (hostId) => phone.escrowBag(hostId),
  });
  phone.savePairing(pairing);
  pairRecords.save(phone.udid, buildBinaryPlist(record));
}

function newState(options: SimulatorOptions, scenarios: ScenarioSet): SimulatorState {
  const seed = options.seed ?? 1;
  const phones = (options.ios ?? ['17']).map((ios, i) => {
    // Each phone of a seed has its own files.
    const contentSeed = seed * 1000 + i;
    const { contentFolder, files = 500, bytes = 50_000_000 } = options;
    const content =
      contentFolder === undefined
        ? PhoneContent.fromSeed(withContentScenarios({ seed: contentSeed, files, bytes }, scenarios))
        : PhoneContent.fromFolder(contentFolder, contentSeed);
    return { ios, content: content.toState(), pairings: [], setValues: {} };
  });
  return { seed, phones, pairRecords: [] };
}

function currentState(seed: number, phones: readonly SimulatedPhone[], pairRecords: PairRecordStore): SimulatorState {
  return {
    seed,
    phones: phones.map((phone) => ({
      ios: phone.profile.id,
      content: phone.content.toState(),
      pairings: [...phone.pairings.values()],
      setValues: Object.fromEntries(phone.setValues),
      ...(phone.encryption === undefined ? {} : { encryption: phone.encryption }),
    })),
    pairRecords: pairRecords.entries(),
  };
}

/** The simulated computer's SystemBUID. */
function systemBuid(seed: number): string {
  const hex = createHash('sha256').update(`ibk-sim/buid/${seed}`).digest('hex').toUpperCase();
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

/** The scenario `detach-after`: a clock runs from the first connection of each phone. */
function unplugLater(
  phones: readonly SimulatedPhone[],
  scenarios: ScenarioSet,
  clock: Clock,
  signal: AbortSignal,
): void {
  if (!scenarios.has('detach-after')) return;
  const afterMs = scenarios.number('detach-after', 0) * 1000;
  for (const phone of phones) {
    phone.once('connected', () => {
      clock.sleep(afterMs, signal).then(
        () => phone.unplug(),
        () => {},
      );
    });
  }
}
