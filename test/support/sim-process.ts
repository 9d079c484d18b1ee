/** `ibk sim` as a process of its own, and `ibk devices --watch` beside it. */
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import { cleanEnvironment, IBK } from './run-ibk.js';

export interface SimProcess extends AsyncDisposable {
  readonly readyLine: string;
  readonly listen: string;
}

export async function startSimProcess(home: string, args: readonly string[]): Promise<SimProcess> {
  const child = execa(process.execPath, [IBK, 'sim', ...args], {
    env: cleanEnvironment(home),
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: 60_000,
  });
  const readyLine = await firstLine(child.stdout);
  const { listen }: { listen: string } = JSON.parse(readyLine);
  return {
    readyLine: `${readyLine}\n`,
    listen,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await child;
    },
  };
}

/** @throws when the stream ends before a line */
export async function firstLine(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    const end = text.indexOf('\n');
    if (end >= 0) return text.slice(0, end);
  }
  throw new Error(`it ended after: ${text}`);
}
