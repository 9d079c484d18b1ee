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
