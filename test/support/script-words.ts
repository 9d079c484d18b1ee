/** One shell script that calls `idevicebackup2`, run with that word or with `ibk idevicebackup2` in its place. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { cleanEnvironment, IBK } from './run-ibk.js';

export type Word = 'idevicebackup2' | 'ibk idevicebackup2';

export interface ScriptRun {
  /** Each line of the script with the exit status that it had. */
  readonly exits: readonly string[];
  /** All that was said, on either stream. */
  readonly text: string;
}

/** `ROOT` in a line stands for the backup root. Lines run one after the other, whatever their status. */
export async function runScript(
  word: Word,
  lines: readonly string[],
  { root, listen }: { readonly root: string; readonly listen: string },
): Promise<ScriptRun> {
  const home = mkdtempSync(join(tmpdir(), 'ibk-script-'));
  try {
    const ibk = join(home, 'ibk');
    writeFileSync(ibk, `#!/bin/sh\nexec '${process.execPath}' '${IBK}' "$@"\n`);
    chmodSync(ibk, 0o700);
    const steps = lines.map((line) => `${line.replace('idevicebackup2', word)}; echo "exit $?"`);
    const clean = cleanEnvironment(home);
    const env = { ...clean, PATH: `${home}:${clean['PATH']}`, ROOT: root, USBMUXD_SOCKET_ADDRESS: listen };
    const { all } = await execa('sh', ['-c', steps.join('\n')], {
      ...{ env, extendEnv: false, reject: false, all: true, input: '', timeout: 170_000 },
    });
    const statuses = [...all.matchAll(/^exit (\d+)$/gm)].map((match) => match[1]);
    return { exits: lines.map((line, index) => `${line}: ${statuses[index]}`), text: all };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
