/** A simulated phone in this process, for runs of the built ibk. */
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/sim/index.js';
import { type Ran, type RunOptions, runIbk } from './run-ibk.js';

export interface Phone extends AsyncDisposable {
  readonly sim: Simulator;
  /** Runs ibk against this phone. */
  ibk(args: readonly string[], options?: RunOptions): Promise<Ran>;
}

export async function plugIn(home: string, options: SimulatorOptions = {}): Promise<Phone> {
  const sim = await startSimulator({ files: 20, bytes: 200_000, ...options });
  return {
    sim,
    ibk: (args, run = {}) => runIbk(home, args, { ...run, env: { USBMUXD_SOCKET_ADDRESS: sim.listen, ...run.env } }),
    [Symbol.asyncDispose]: () => sim.close(),
  };
}

/** The one phone of a simulator that has one. */
export function phoneOf({ sim }: Phone) {
  const [only] = sim.phones;
  if (only === undefined) throw new Error('no phone');
  return only;
}

/** After its answer to a restore a phone starts anew; until all are there again there is nothing to compare. To be called before. */
export function restarted({ sim }: Phone): Promise<unknown> {
  return Promise.all(sim.phones.map((each) => new Promise<void>((resolve) => each.once('plugged', () => resolve()))));
}
