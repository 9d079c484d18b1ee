import { execa } from 'execa';
import type { Simulator } from '../../src/sim/index.js';
import { cleanEnvironment, IBK } from './run-ibk.js';
import { firstLine } from './sim-process.js';

/** The first line of `ibk devices --watch --json`; then it is stopped as by Ctrl-C. */
export async function watchDevices(home: string, sim: Simulator): Promise<string> {
  const child = execa(process.execPath, [IBK, 'devices', '--watch', '--json'], {
    env: { ...cleanEnvironment(home), USBMUXD_SOCKET_ADDRESS: sim.listen },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: 30_000,
  });
  const line = await firstLine(child.stdout);
  child.kill('SIGINT');
  const { exitCode, stderr } = await child;
  if (exitCode !== 130 || stderr !== '') throw new Error(`exit ${exitCode}, stderr: ${stderr}`);
  return `${line}\n`;
}
