/** What a person at a terminal sees: ibk in tmux, at 80 and 140 columns, and on terminals that can do less. */
import { execa } from 'execa';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { controlSimulator } from '../../src/sim/index.js';
import { displayWidth } from '../../src/ui/text.js';
import { nextSecond } from '../support/next-second.js';
import { type Phone, plugIn } from '../support/phone.js';
import { cleanEnvironment, IBK, masked, tempHome } from '../support/run-ibk.js';
import { describeWithTools } from '../support/tools.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));
const golden = (name: string) => `../../fixtures/golden/terminal-${name}.txt`;

/** Of a comparison: at the beginning of a line, and behind the arrow. */
const IDS = /(?<=^|→ )[g-hj-km-np-tv-z][0-9a-hj-km-np-tv-z]{7}(?= \(\w)/gm;

interface Look {
  readonly columns: number;
  readonly env?: Readonly<Record<string, string>>;
  /** With the colours, as escape sequences. */
  readonly colors?: boolean;
}

/** Runs a line in a tmux pane of its own and gives what stands on the screen when it has ended. */
async function look(phone: Phone, line: string, { columns, env, colors = false }: Look): Promise<string> {
  const socket = join(home, `tmux-${Math.random().toString(36).slice(2)}`);
  const tmux = (...args: string[]) =>
    execa('tmux', ['-S', socket, '-f', '/dev/null', ...args], { env: { TERM: 'xterm' }, timeout: 30_000 });
  const variables = {
    ...cleanEnvironment(home),
    USBMUXD_SOCKET_ADDRESS: phone.sim.listen,
    TERM: 'tmux-256color',
    ...env,
  };
  const exports = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  const command = `ibk() { '${process.execPath}' '${IBK}' "$@"; }; ${line}; tmux -S '${socket}' wait-for -S done; read -r _`;
  await tmux(
    '-u',
    'new-session',
    '-d',
    '-x',
    String(columns),
    '-y',
    '40',
    'env',
    '-i',
    ...exports,
    'sh',
    '-c',
    command,
  );
  try {
    await tmux('wait-for', 'done');
    const { stdout } = await tmux('capture-pane', '-p', '-t', '0', ...(colors ? ['-e'] : []));
    return stdout.trimEnd();
  } finally {
    await tmux('kill-server').catch(() => undefined);
  }
}

async function mutate({ sim }: Phone): Promise<void> {
  const [first] = sim.phones;
  await controlSimulator(sim.listen, 'mutate', { UDID: first?.udid ?? '', Add: 3, Change: 2, Remove: 1 });
}

describeWithTools('in a terminal', ['tmux'], () => {
  let phone: Phone;
  beforeAll(async () => {
    phone = await plugIn(home, { ios: ['17', '15'] });
  });
  afterAll(() => phone[Symbol.asyncDispose]());

  test.each([80, 140])('%i columns', async (columns) => {
    const lines = [
      'devices',
      'doctor',
      'pair -u "Sim iPhone 2"',
      'backup -u all',
      // The newest stands first in the list.
      'backup -u "Sim iPhone"',
      'list',
      'list -u "Sim iPhone 2"',
      'diff latest~1 latest --stat -u "Sim iPhone"',
      'stats',
      'stats -u "Sim iPhone 2"',
      'forget --keep-last 1 -n',
      'devices',
    ];
    const root = `-o '${home}/at-${columns}'`;
    await phone.ibk(['unpair', '-u', 'all', '-y']);
    const screens: string[] = [];
    for (const line of lines) {
      if (line.startsWith('backup')) await nextSecond();
      if (line.startsWith('backup -u "Sim')) await mutate(phone);
      const screen = await look(phone, `ibk ${line} ${root}`, { columns });
      for (const shown of screen.split('\n')) expect(displayWidth(shown)).toBeLessThanOrEqual(columns);
      screens.push(`$ ibk ${line}\n${masked(screen, home).replaceAll(`/at-${columns}`, '').replace(IDS, 'v0123456')}`);
    }
    await expect(`${screens.join('\n\n')}\n`).toMatchFileSnapshot(golden(String(columns)));
  });

  test('colours mean something, and only where they are wanted', async () => {
    await phone.ibk(['pair', '-u', 'all', '-q']);
    const line = 'ibk doctor; ibk devices; ibk bakcup';
    const colored = await look(phone, line, { columns: 80, colors: true });
    expect(colored).toMatch(/\x1b\[32m✓/);
    expect(colored).toMatch(/\x1b\[31m✗ Unknown/);
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }, { IBK_COLOR: 'never' }]) {
      expect(await look(phone, line, { columns: 80, colors: true, env }), JSON.stringify(env)).not.toContain('\x1b');
    }
    const forced = await look(phone, 'FORCE_COLOR=1 ibk devices | cat', { columns: 80, colors: true });
    expect(forced).toContain('\x1b[32m');
  });

  test.each([
    ['no UTF-8', { LANG: 'C' }],
    ['TERM=linux', { TERM: 'linux' }],
    ['IBK_ASCII', { IBK_ASCII: '1' }],
  ])('%s: ASCII only', async (_name, env) => {
    const screen = await look(phone, 'ibk doctor; ibk bakcup; ibk list; ibk', { columns: 80, env });
    expect(screen).toContain('x Unknown command "bakcup"');
    expect(screen).toContain('-> ibk backup');
    expect(screen).toMatch(/^[\x00-\x7f]*$/);
  });

  test('TERM=dumb moves no cursor', async () => {
    const screen = await look(phone, 'ibk backup -u "Sim iPhone" 2>&1 | tee /dev/null; ibk backup -u "Sim iPhone"', {
      columns: 80,
      env: { TERM: 'dumb', LANG: 'C' },
    });
    expect(screen.match(/done, /g)).toHaveLength(2);
    expect(screen).not.toContain('?25');
  });

  test('a pipe that closes early ends it quietly', async () => {
    const screen = await look(
      phone,
      'ibk list --json | head -c 1; ibk --help | head -1; ibk devices | true; echo end',
      {
        columns: 80,
      },
    );
    expect(screen.split('\n')).toEqual(['{Everyday     backup  restore  list  find  extract  info  encrypt', 'end']);
  });
});
