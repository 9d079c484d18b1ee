/** A simulated iPhone (iOS 15) in a process of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';

export const IBK = new URL('../../bin/ibk.js', import.meta.url).pathname;

/** @returns the process, which listens and is paired */
export async function startPhone(socket, { files, bytes, scenario }, env) {
  const size = ['--files', String(files), '--bytes', String(bytes), '--seed', '1'];
  const shape = scenario === undefined ? [] : ['--scenario', scenario];
  const args = [IBK, 'sim', '--listen', `UNIX:${socket}`, '--ios', '15', ...size, ...shape];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`ibk sim ended with ${code}`)));
    createInterface({ input: child.stdout }).once('line', resolve);
  });
  ibk(['pair', '-q'], env);
  return child;
}

export function changeFiles(count, env) {
  ibk(['sim', 'ctl', 'mutate', '--change', String(count)], env);
}

function ibk(args, env) {
  const { status, stderr } = spawnSync(process.execPath, [IBK, ...args], { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`ibk ${args.join(' ')}: exit ${status}\n${stderr}`);
}
