/** A terminal for tests: what is written can be read back as bytes, and as the screen that a person would see. */
import { PassThrough } from 'node:stream';
import { createTerminal, type OutputStream, type Terminal } from '../../src/ui/terminal.js';

export class FakeStream implements OutputStream {
  readonly isTTY: boolean;
  readonly columns: number | undefined;
  readonly rows = 24;
  text = '';

  constructor(columns: number | undefined) {
    this.isTTY = columns !== undefined;
    this.columns = columns;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }

  /** The lines, after cursor movements: what stands on the screen. */
  screen(): string[] {
    const lines: string[] = [''];
    let row = 0;
    let column = 0;
    for (const [token, up] of this.text.matchAll(/\x1b\[(\d+)A|\x1b\[\??\d*[a-zA-Z]|[\s\S]/g)) {
      if (up !== undefined) row = Math.max(0, row - Number(up));
      else if (token === '\x1b[J') lines.splice(row + (column > 0 ? 1 : 0), lines.length, ...(column > 0 ? [] : ['']));
      else if (token === '\x1b[K') lines[row] = (lines[row] ?? '').slice(0, column);
      else if (token.startsWith('\x1b') || token === '\x07') continue;
      else if (token === '\r') column = 0;
      else if (token === '\n') {
        row++;
        column = 0;
        lines[row] ??= '';
      } else {
        const line = (lines[row] ?? '').padEnd(column);
        lines[row] = line.slice(0, column) + token + line.slice(column + 1);
        column++;
      }
    }
    return lines.map((line) => line.trimEnd());
  }
}

export interface FakeTerminal extends Terminal {
  readonly stdout: FakeStream;
  readonly stderr: FakeStream;
}

export interface FakeTerminalOptions {
  /** Undefined: a pipe. */
  readonly columns?: number | undefined;
  readonly color?: 'auto' | 'always' | 'never';
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform;
}

export function fakeTerminal(options: FakeTerminalOptions = {}): FakeTerminal {
  const stdout = new FakeStream(options.columns);
  const stderr = new FakeStream(options.columns);
  const env = { LANG: 'en_GB.UTF-8', TERM: 'xterm', HOME: '/home/anna', ...options.env };
  const { color = 'never', platform = 'linux' } = options;
  const terminal = createTerminal({ stdout, stderr, stdin: new PassThrough(), env, platform, color });
  return { ...terminal, stdout, stderr };
}
