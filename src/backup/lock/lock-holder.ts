/** `holder.json`: who holds the lock of a store, for people, and for file systems whose locks do not work (docs/store.md 10). */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { kill, pid } from 'node:process';
import { codeOf } from '../../io/system-code.js';

export interface LockHolder {
  readonly host: string;
  readonly machine: string;
  /** Changes with every start of the computer; empty where the system does not tell. */
  readonly boot: string;
  readonly pid: number;
  /** When the process began, in the system's own count; empty where it does not tell. */
  readonly started: string;
  readonly nonce: string;
  readonly command: string;
  readonly since: string;
}

const MOST_BYTES = 64 * 1024;

/** This process. */
export function ownHolder(command: string, now: number): LockHolder {
  return {
    host: hostname(),
    machine: firstLine('/etc/machine-id') ?? hostname(),
    boot: bootId(),
    pid,
    started: startOf(pid),
    nonce: randomBytes(8).toString('hex'),
    command,
    since: new Date(now).toISOString(),
  };
}

/** Changes with every start of the computer; empty where the system does not tell. */
export function bootId(): string {
  return firstLine('/proc/sys/kernel/random/boot_id') ?? '';
}

/** Nothing where there is none, or where it cannot be read. */
export function readHolder(path: string): LockHolder | undefined {
  try {
    const value: unknown = JSON.parse(readSmall(path));
    if (typeof value !== 'object' || value === null) return undefined;
    const record = value as Record<string, unknown>;
    const text = (key: string) => (typeof record[key] === 'string' ? record[key] : '');
    return {
      host: text('host'),
      machine: text('machine'),
      boot: text('boot'),
      pid: typeof record['pid'] === 'number' && Number.isSafeInteger(record['pid']) ? record['pid'] : -1,
      started: text('started'),
      nonce: text('nonce'),
      command: text('command'),
      since: text('since'),
    };
  } catch {
    return undefined;
  }
}

/** No link is followed, and a pipe is not waited for. */
function readSmall(path: string): string {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
  const fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = fs.fstatSync(fd);
    return stat.isFile() && stat.size <= MOST_BYTES ? fs.readFileSync(fd, 'utf8') : '';
  } finally {
    fs.closeSync(fd);
  }
}

/** `gone`: certainly no longer there. `alive`: still running. `elsewhere`: on another computer, nobody here can tell. */
export function judgeHolder(holder: LockHolder, here: LockHolder): 'gone' | 'alive' | 'elsewhere' {
  if (holder.machine !== here.machine) return 'elsewhere';
  if (holder.boot !== here.boot) return 'gone';
  if (holder.pid <= 0 || !isRunning(holder.pid)) return 'gone';
  return holder.started === startOf(holder.pid) ? 'alive' : 'gone';
}

function isRunning(other: number): boolean {
  try {
    kill(other, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Linux: ticks since the start of the computer, field 22 of /proc/<pid>/stat. A pid that was given to another process differs in it. */
function startOf(process: number): string {
  const stat = firstLine(`/proc/${process}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields?.[19] ?? '';
}

function firstLine(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8').split('\n')[0];
  } catch {
    return undefined;
  }
}
