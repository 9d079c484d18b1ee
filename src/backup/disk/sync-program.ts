/**
 * coreutils' `sync -f` is syncfs(2), which Node does not offer: everything of a disk at once. 20,000 small files take 0.25 s, against 1.2 s one by one.
 *
 * To fork ibk for each sync is dear while much is received: all its memory is shared with the child, and each page of it faults afterwards. 16 forks made the
 * backup of a file of 2 GiB a sixth slower. So one shell is forked, and forks its own.
 */
import { ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** `lost`: the shell was killed, and whatever its sync was told. */
export type Outcome = 'done' | 'failed' | 'lost' | 'never ran';

/** A status for each line that it is sent. There are no more when ibk is killed, and it ends. */
const SCRIPT = 'while read -r _; do sync -f "$1"; echo $?; done';
/** What a shell says of a program that it cannot start. */
const NOT_STARTED = /^12[67]$/;

/** Linux only. */
export class SyncProgram {
  readonly #shell: ChildProcess | undefined;
  #answer: ((outcome: Outcome) => void) | undefined;

  constructor(path: string) {
    this.#shell = startShell(path);
    if (this.#shell?.stdout == null) return;
    this.#shell.once('error', () => this.#settle('never ran')).once('close', () => this.#settle('lost'));
    createInterface({ input: this.#shell.stdout }).on('line', (status) =>
      this.#settle(status === '0' ? 'done' : NOT_STARTED.test(status) ? 'never ran' : 'failed'),
    );
    // That the shell is gone is told by its end.
    this.#shell.stdin?.on('error', () => {});
    this.#keepProgramRunning(false);
  }

  /** One at a time. It keeps no program from ending, unless it is waited for. */
  run(): Promise<Outcome> {
    return new Promise((resolve) => {
      if (this.#shell?.stdin?.writable !== true) return resolve('never ran');
      this.#answer = resolve;
      this.#shell.stdin.write('\n');
    });
  }

  /** What is under way is waited for. */
  hold(): void {
    if (this.#answer !== undefined) this.#keepProgramRunning(true);
  }

  /** It ends when it has answered. */
  close(): void {
    this.#shell?.stdin?.end();
  }

  #settle(outcome: Outcome): void {
    this.#answer?.(outcome);
    this.#answer = undefined;
    this.#keepProgramRunning(false);
  }

  #keepProgramRunning(keeps: boolean): void {
    for (const handle of [this.#shell, this.#shell?.stdin, this.#shell?.stdout]) {
      if (!(handle instanceof ChildProcess || handle instanceof Socket)) continue;
      if (keeps) handle.ref();
      else handle.unref();
    }
  }
}

function startShell(path: string): ChildProcess | undefined {
  try {
    // In a group of its own: Ctrl-C is for ibk, which may let a commit finish. Its folder holds no disk that someone unmounts.
    return spawn('sh', ['-c', SCRIPT, 'sh', path], {
      cwd: '/',
      env: {},
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
    });
  } catch {
    // Without memory for another program `spawn` throws.
    return undefined;
  }
}
