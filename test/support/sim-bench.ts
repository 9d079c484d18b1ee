/** A simulated phone in process and a context for the client's own modules: real sockets, real TLS, recorded events. */
import type { OperationEvent } from '../../src/events.js';
import { type Clock, systemClock } from '../../src/io/clock.js';
import type { OperationContext } from '../../src/operations/context.js';
import { type SelectedDevice, selectDevices } from '../../src/operations/select-device.js';
import { DEFAULT_TIMEOUTS, type Timeouts } from '../../src/protocol/context.js';
import { parseMuxAddress } from '../../src/protocol/usbmux/address.js';
import { UsbmuxClient } from '../../src/protocol/usbmux/client.js';
import { pairDevice } from '../../src/operations/pair.js';
import {
  type IosId,
  type SimulatedPhone,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../src/sim/index.js';
import type { Pairing } from '../../src/sim/phone/pairing.js';
import type { Trace } from '../../src/trace/trace.js';

export interface Bench extends AsyncDisposable {
  readonly sim: Simulator;
  readonly ctx: OperationContext;
  readonly events: OperationEvent[];
  readonly abort: AbortController;
  /** The only phone. */
  select(): Promise<SelectedDevice>;
}

export interface BenchOptions extends SimulatorOptions {
  readonly timeouts?: Partial<Timeouts>;
  /** The client's clock. */
  readonly clientClock?: Clock;
  readonly trace?: Trace;
  readonly link?: 'usb' | 'network' | 'any';
  /** The phone trusts this computer already. Making keys takes longer than everything else: it is done once a file and iOS version. */
  readonly paired?: boolean;
}

/** Trust is polled once a second: a clock on which that second passes in a few milliseconds. */
export function hastyClock(factor = 100): Clock {
  const start = systemClock.monotonic();
  return {
    now: systemClock.now,
    monotonic: () => (systemClock.monotonic() - start) * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  };
}

export async function startBench(options: BenchOptions = {}): Promise<Bench> {
  const sim = await startSimulator({ files: 3, bytes: 3000, ...options });
  const { ctx, events, abort } = contextFor(sim.listen, options);
  if (options.paired) for (const phone of sim.phones) await trust(sim, phone);
  return {
    sim,
    ctx,
    events,
    abort,
    select: async () => (await selectDevices(ctx, { udids: [], link: options.link ?? 'any' }))[0] as SelectedDevice,
    [Symbol.asyncDispose]: () => sim.close(),
  };
}

const trusts = new Map<string, Promise<{ readonly pairing: Pairing; readonly record: Buffer }>>();

async function trust(sim: Simulator, phone: SimulatedPhone): Promise<void> {
  const made = trusts.get(phone.udid) ?? makeTrust(phone.profile.id);
  trusts.set(phone.udid, made);
  const { pairing, record } = await made;
  phone.pairings.set(pairing.hostId, pairing);
  sim.pairRecords.save(phone.udid, record);
}

/** A phone of the same seed has the same key and UDID. */
async function makeTrust(ios: IosId) {
  await using bench = await startBench({ ios: [ios], clientClock: hastyClock() });
  const selected = await bench.select();
  await pairDevice(bench.ctx, selected);
  const [pairing] = bench.sim.phones[0]?.pairings.values() ?? [];
  const record = bench.sim.pairRecords.read(selected.udid);
  if (pairing === undefined || record === undefined) throw new Error('not paired');
  return { pairing, record };
}

export function contextFor(address: string, options: BenchOptions = {}) {
  const clock = options.clientClock ?? systemClock;
  // On a clock that runs fast, too: a machine under load must not make an answer late.
  const patientMs = options.clientClock === undefined ? 20_000 : 2_000_000;
  const timeouts = { ...DEFAULT_TIMEOUTS, connectMs: patientMs, answerMs: patientMs, ...options.timeouts };
  const abort = new AbortController();
  const events: OperationEvent[] = [];
  const muxer = new UsbmuxClient({
    address: parseMuxAddress(address, 'linux'),
    platform: 'linux',
    clock,
    timeouts,
    trace: options.trace,
  });
  const ctx: OperationContext = {
    muxer,
    clock,
    timeouts,
    signal: abort.signal,
    onEvent: (event) => void events.push(event),
    trace: options.trace,
  };
  return { ctx, events, abort };
}
