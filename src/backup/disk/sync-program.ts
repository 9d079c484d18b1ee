/**
 * coreutils' `sync -f` is syncfs(2), which Node does not offer: everything of a disk at once. 20,000 small files take 0.25 s, against 1.2 s one by one.
 *
 * To fork ibk for each sync is dear while much is received: all its memory is shared with the child, and each page of it faults afterwards. 16 forks made the
 * backup of a file of 2 GiB a sixth slower. So one shell is forked, and forks its own.
 */
import { ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { resolve as absolute } from 'node:path';
import { createInterface } from 'node:readline';

/** `lost`: the shell or its sync was killed, and with it what it was told. */
export type Outcome = 'done' | 'failed' | 'lost' | 'never ran';

/** A status for each line that it is sent. There are no more when ibk is killed, and it ends. */
const SCRIPT = 'while read -r _; do sync -f "$1"; echo $?; done';
/** What a shell says of a program that it cannot start. */
const NOT_STARTED = [126, 127];
/** And, added to the number of a signal, of one that was killed. */
const KILLED = 128;

/** Linux only. */
export class SyncProgram {
  readonly #shell: ChildProcess | undefined;
  #answer: ((outcome: Outcome) => void) | undefined;

  constructor(path: string) {
    this.#shell = startShell(path);
    // Without a descriptor that is free there are no pipes, and the error comes later.
    this.#shell?.once('error', () => this.#settle('never ran')).once('close', () => this.#settle('lost'));
    if (this.#shell?.stdout == null) return;
    createInterface({ input: this.#shell.stdout }).on('line', (line) => this.#settle(outcomeOf(Number(line))));
    // That the shell is gone is told by its end.
    this.#shell.stdin?.on('error', () => {});
    unref(this.#shell.stdin);
    this.#keepProgramRunning(false);
  }

  /** One at a time: nothing is asked while one is under way. It keeps no program from ending, unless it is waited for. */
  run(): Promise<Outcome> {
    return new Promise((resolve) => {
      if (this.#answer !== undefined || this.#shell?.stdin?.writable !== true) return resolve('never ran');
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
    for (const handle of [this.#shell, this.#shell?.stdout]) {
      if (!keeps) unref(handle);
      else if (handle instanceof ChildProcess || handle instanceof Socket) handle.ref();
    }
  }
}

function unref(handle: unknown): void {
  if (handle instanceof ChildProcess || handle instanceof Socket) handle.unref();
}

function outcomeOf(status: number): Outcome {
  if (status === 0) return 'done';
  if (NOT_STARTED.includes(status)) return 'never ran';
  return status > KILLED ? 'lost' : 'failed';
}

function startShell(path: string): ChildProcess | undefined {
  try {
    // In a group of its own: Ctrl-C is for ibk, which may let a commit finish. Its folder holds no disk that someone unmounts.
    return spawn('sh', ['-c', SCRIPT, 'sh', absolute(path)], {
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
