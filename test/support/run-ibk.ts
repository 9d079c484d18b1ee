/** Runs the built ibk as a user would, in an environment of its own. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

export const IBK = new URL('../../bin/ibk.js', import.meta.url).pathname;

export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: number | undefined;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
  readonly during?: During;
  /** As this user and group, and with no others. */
  readonly uid?: number;
  readonly umask?: string;
}

/** Something that happens in the middle of a run (at-call.js). */
export interface During {
  /** Just before which change of the disk: `rename:3`, `any:40`. */
  readonly at: string;
  /** A line for the shell. ibk waits for it. */
  readonly run: string;
}

/** In the place of ibk: it is killed there. */
export const KILL = 'kill -9 $PPID';

/** A home folder of its own: no config file, no backups. */
export function tempHome(): string {
  return mkdtempSync(join(tmpdir(), 'ibk-home-'));
}

/** What every run is given; nothing of the environment of the tests leaks in. */
export function cleanEnvironment(home: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HOME: home,
    // Reads "UTC+1": the zone of the documented screens.
    TZ: 'Etc/GMT-1',
    LANG: 'C.UTF-8',
    USBMUXD_SOCKET_ADDRESS: `UNIX:${home}/no-usbmuxd`,
  };
}

const AT_CALL = new URL('at-call.js', import.meta.url).href;

/** `exit` is undefined for a run that was killed. */
export async function runIbk(home: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { during, uid, umask, input = '' } = options;
  const hook = during === undefined ? [] : ['--import', AT_CALL];
  const moment = during === undefined ? {} : { IBK_TEST_AT: during.at, IBK_TEST_DO: during.run };
  const line = [process.execPath, ...hook, IBK, ...args];
  const [file = '', ...rest] = umask === undefined ? line : ['sh', '-c', `umask ${umask}; exec "$@"`, 'sh', ...line];
  const { stdout, stderr, exitCode } = await execa(file, rest, {
    env: { ...cleanEnvironment(home), ...moment, ...options.env },
    extendEnv: false,
    reject: false,
    input,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stripFinalNewline: false,
    ...(uid === undefined ? {} : { uid, gid: uid }),
    timeout: 150_000,
  });
  return { stdout, stderr, exit: exitCode };
}

/** One text for a golden file: the line, what it wrote, its exit status; figures that change are masked. */
export function transcript(args: readonly string[], { stdout, stderr, exit }: Ran, home: string): string {
  const shown = args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `"${arg}"`)).join(' ');
  const part = (name: string, text: string) => (text === '' ? '' : `--- ${name}\n${masked(text, home)}`);
  return `$ ibk ${shown}`.trimEnd().concat('\n', part('stdout', stdout), part('stderr', stderr), `--- exit ${exit}\n`);
}

/** Times, speeds, ages, temp paths and free space differ from run to run; their form stays. */
export function masked(text: string, home: string): string {
  return text
    .replaceAll(home, '~')
    .replace(
      /(?<= {2}|version |"|· |of |; |now: |ago: | in |\()(?!messages\b)[g-hj-km-np-tv-z][0-9a-hj-km-np-tv-z]{7}\b/g,
      'v0123456',
    )
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'YYYY-MM-DDThh:mm:ssZ')
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?/g, (date) => 'YYYY-MM-DD hh:mm:ss'.slice(0, date.length))
    .replace(/^\d\d:\d\d:\d\d /gm, 'hh:mm:ss ')
    .replace(/[\d.,]+ [kMGT]?B free/g, 'N GB free')
    .replace(/[\d.,]+ [kMGT]?B are free/g, 'N GB are free')
    .replace(/[\d,]+ bytes are missing/g, 'N bytes are missing')
    .replace(/\b[1-5] min ago\b/g, 'just now')
    .replace(/in \d+ s/g, 'in N s')
    .replace(/(?<= {2}[\d.]+ ) *\d+ s(?= {2}|$)/gm, '   N s')
    .replace(/(,| )( +)\d+ s$/gm, '$1$2N s')
    .replace(/ \([\d.,]+ [kMGT]?B\/s while receiving\)/g, ' (N MB/s while receiving)')
    .replace(/"(duration_seconds|bytes_received|bytes_per_second|free_bytes|percent)":[\d.]+/g, '"$1":N');
}
