/** Runs a program and says what it took: wall time, CPU time, peak resident memory. Linux only: it reads /proc. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const TICKS_PER_SECOND = 100;

/** CPU seconds and peak memory of a process so far, or undefined once it is gone. */
export function usageOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const peak = /VmHWM:\s+(\d+) kB/.exec(status);
    // After the name: field 0 is the state, so user and system time (14 and 15 of proc(5)) are 11 and 12.
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      peakBytes: peak === null ? 0 : Number(peak[1]) * 1024,
    };
  } catch {
    return undefined;
  }
}

/**
 * @returns {Promise<{wallSeconds: number, cpuSeconds: number, peakBytes: number, begun: number, lines: {text: string, at: number}[]}>} usage by the last look, at most
 * 20 ms before the end; the last thousand lines of standard output and when they came (seconds, on the clock of `begun`)
 */
export function measure([command, ...args], env) {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let last = { cpuSeconds: 0, peakBytes: 0 };
    const lines = [];
    let complaint = '';
    createInterface({ input: child.stdout }).on('line', (text) => {
      lines.push({ text, at: performance.now() / 1000 });
      if (lines.length > 1000) lines.shift();
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      complaint = (complaint + text).slice(-2000);
    });
    const look = setInterval(() => {
      const usage = usageOf(child.pid);
      if (usage !== undefined && usage.peakBytes > 0) last = usage;
    }, 20);
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(look);
      if (code !== 0) return reject(new Error(`${command} ${args.join(' ')}: exit ${code}\n${complaint}`));
      resolve({ wallSeconds: (performance.now() - begun) / 1000, begun: begun / 1000, ...last, lines });
    });
  });
}

/** As `measure`, when all that was written before has reached the disk: its writing is not part of this. */
export function onQuietDisk(command, env) {
  spawnSync('sync');
  return measure(command, env);
}

export const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
