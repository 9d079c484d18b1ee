/** A simulated phone in process, and Debian's programs that talk to it, paired already. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/sim/index.js';

export interface Run {
  readonly text: string;
  readonly exit: number | undefined;
}

export type Phone = Simulator['phones'][number];

export interface DebianBench {
  readonly sim: Simulator;
  readonly phone: Phone;
  /** The backup root. */
  readonly root: string;
  run(program: string, ...args: string[]): Promise<Run>;
}

/** After its answer to a restore a phone starts anew; until it is there again there is nothing to compare. */
export function restarted({ phone }: Pick<DebianBench, 'phone'>): Promise<void> {
  if (phone.backupStats.endings.includes('restarted') && phone.pluggedIn) return Promise.resolve();
  return new Promise((resolve) => phone.once('plugged', () => resolve()));
}

/** Everything comes back, what the backup does not have goes, and no app is asked for. */
export const RESTORE_ALL = ['--system', '--settings', '--remove', '--copy', '--skip-apps'] as const;

/** A program of Debian's, against the phones behind this address. */
export async function runAgainst(listen: string, program: string, ...args: readonly string[]): Promise<Run> {
  const env = { USBMUXD_SOCKET_ADDRESS: listen };
  const { all, exitCode } = await execa(program, args, { env, reject: false, all: true, timeout: 150_000 });
  return { text: all, exit: exitCode };
}

export async function withPhone(options: SimulatorOptions, work: (bench: DebianBench) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'ibk-test-interop-'));
  const sim = await startSimulator({ files: 120, bytes: 2_000_000, ...options });
  try {
    const run: DebianBench['run'] = (program, ...args) => runAgainst(sim.listen, program, ...args);
    await run('idevicepair', 'pair');
    expect((await run('idevicepair', 'pair')).text).toContain('SUCCESS');
    const [phone] = sim.phones;
    if (phone === undefined) throw new Error('no phone');
    await work({ sim, phone, root, run });
  } finally {
    await sim.close();
    rmSync(root, { recursive: true, force: true });
  }
}
