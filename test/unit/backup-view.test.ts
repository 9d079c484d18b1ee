/** The screens of a backup, drawn without a terminal: events in, the screen at each moment out. */
import { describe, expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import type { BackupSummary, OperationEvent, ProgressEvent } from '../../src/events.js';
import { jsonView, liveView, plainView, quietView, type ViewContext } from '../../src/ui/backup-view.js';
import { FakeClock } from '../support/fake-clock.js';
import { type FakeTerminal, fakeTerminal } from '../support/fake-terminal.js';

const UDID = '00008120-000A1D2E0C88401E';
const device = { name: "Anna's iPhone", model: 'iPhone 15', productType: 'iPhone15,4', ios: '26.1' };
const start: OperationEvent = {
  type: 'start',
  udid: UDID,
  command: 'backup',
  kind: 'incremental',
  encrypted: true,
  link: 'usb',
  device,
};
const receiving: ProgressEvent = {
  type: 'progress',
  udid: UDID,
  phase: 'receive',
  percent: 62.3,
  filesDone: 30_412,
  bytesDone: 25_600_000_000,
  bytesTotal: null,
  bytesPerSecond: 48_300_000,
  etaSeconds: 290,
  domain: 'CameraRollDomain',
  silentSeconds: 0,
};
const summary: BackupSummary = {
  type: 'summary',
  udid: UDID,
  code: 'ok',
  exit: 0,
  version: '20261121-070600-k7f29b1e',
  previous: { version: '20261120-070500-m2xq8d04', madeAt: new Date(2026, 10, 20, 8, 5) },
  kind: 'incremental',
  encrypted: true,
  filesTotal: 49_871,
  bytesTotal: 42_000_214_016,
  filesAdded: 312,
  filesChanged: 892,
  filesRemoved: 57,
  historyBytes: 612_000_000,
  filesReceived: 1204,
  bytesReceived: 868_214_016,
  filesFailed: 0,
  failures: [],
  check: 'received',
  durationSeconds: 221,
  receiveBytesPerSecond: 28_000_000,
  madeAt: new Date(2026, 10, 21, 8, 6),
  path: `/home/anna/.local/share/ibk/${UDID}`,
  freeBytes: 312_900_000_000,
  device,
};
const failures = [
  { path: 'Media/DCIM/104APPLE/IMG_4471.HEIC', message: 'Input/output error' },
  { path: 'Library/Caches/lists/today.db', message: 'No such file or directory' },
];
const partial: BackupSummary = { ...summary, code: 'partial', exit: 3, filesFailed: 2, failures };

function context(terminal: FakeTerminal, clock: FakeClock, names = ["Anna's iPhone"]): ViewContext {
  const devices = names.map((name, index) => ({ udid: index === 0 ? UDID : `UDID-${index}`, name }));
  return { terminal, clock, devices, destination: '~/.local/share/ibk', stallSeconds: 900 };
}

describe('live', () => {
  test('a run from the first moment to the summary, which replaces the live lines', async () => {
    const clock = new FakeClock();
    const terminal = fakeTerminal({ columns: 80 });
    const view = liveView(context(terminal, clock));
    const screen = () => terminal.stderr.screen().filter((line) => line !== '');
    await clock.advance(1000);
    expect(screen().map(withoutSpinner)).toEqual([`Connecting${' '.repeat(60)}1 s`]);

    view.onEvent(start);
    view.onEvent({ type: 'prompt', udid: UDID, prompt: 'passcode', state: 'shown', timeoutSeconds: 300 });
    await clock.advance(24_000);
    expect(screen()).toEqual([
      "Anna's iPhone · iPhone 15 · iOS 26.1 · USB · encrypted → ~/.local/share/ibk",
      '! Enter the passcode on the iPhone  waiting 0:24, iOS gives up at about 3:00',
    ]);
    expect(terminal.stderr.text.match(/\x07/g)).toHaveLength(1);

    view.onEvent({ type: 'prompt', udid: UDID, prompt: 'passcode', state: 'answered', timeoutSeconds: 300 });
    view.onEvent({ type: 'phase', udid: UDID, phase: 'scan' });
    await clock.advance(72_000);
    expect(screen().slice(1).map(withoutSpinner)).toEqual([
      'Scanning on the iPhone                                         1 min 12 s',
      '  iOS gives no percentage while it works out what changed.',
    ]);

    view.onEvent(receiving);
    await clock.advance(100);
    expect(screen().slice(1).map(withoutSpinner)).toEqual([
      'Receiving  ━━━━━━━━━━━━━━━━━━━━━━━━──────────────── 62 %  25.6 GB',
      '  48.3 MB/s · about 5 min left · 30,412 files · photos and videos',
    ]);

    await clock.advance(70_000);
    expect(screen()[2]).toBe('  no data for 1 min 10 s, waiting at most 15 min · 30,412 files');

    view.onEvent({ type: 'phase', udid: UDID, phase: 'finish' });
    await clock.advance(22_000);
    expect(screen().slice(1).map(withoutSpinner)).toEqual([
      'Finishing on the iPhone                 moving and checking files, 22 s',
    ]);
    view.onEvent({ type: 'phase', udid: UDID, phase: 'commit' });
    await clock.advance(100);
    expect(screen().slice(1).map(withoutSpinner)).toEqual([
      'Saving                                  30,412 files in place, committing',
    ]);

    view.onEvent(summary);
    await view.close();
    expect(screen()).toEqual([
      "✓ Backup finished: Anna's iPhone, 2026-11-21 08:06",
      '  Version    k7f29b1e · 49,871 files, 42.0 GB · encrypted',
      '  Changed    312 added, 892 changed, 57 removed',
      '  Received   1,204 files, 868 MB in 3 min 41 s (28.0 MB/s while receiving)',
      '  Checked    the iPhone reported success; every file it sent is in place',
      '  History    m2xq8d04 (2026-11-20 08:05) keeps 612 MB · 312 GB free',
    ]);
    expect(terminal.stdout.text).toBe('');
  });

  test('redraws at most ten times a second however many events come', async () => {
    const clock = new FakeClock();
    const terminal = fakeTerminal({ columns: 80 });
    const view = liveView(context(terminal, clock));
    view.onEvent(start);
    const before = terminal.stderr.text.length;
    for (let i = 0; i < 5000; i++) view.onEvent({ ...receiving, bytesDone: i });
    expect(terminal.stderr.text.length).toBe(before);
    await clock.advance(1000);
    expect(terminal.stderr.text.slice(before).match(/Receiving/g)).toHaveLength(10);
    await view.close();
  });

  test('no line is ever wider than the terminal, nor more than four of them', async () => {
    for (const columns of [20, 40, 59, 60, 80, 140]) {
      const clock = new FakeClock();
      const terminal = fakeTerminal({ columns });
      const view = liveView({
        ...context(terminal, clock),
        destination: '/mnt/a-long-name/of/a/network/share/for/phones',
      });
      const name = '漢字'.repeat(20);
      view.onEvent({ ...start, device: { ...device, name } } as OperationEvent);
      view.onEvent({ ...receiving, domain: 'AppDomainGroup-group.net.whatsapp.WhatsApp.shared' });
      await clock.advance(100);
      const lines = terminal.stderr.screen().filter((line) => line !== '');
      expect(lines.length).toBeLessThanOrEqual(4);
      const { displayWidth } = await import('../../src/ui/text.js');
      for (const line of lines) expect(displayWidth(line)).toBeLessThan(columns);
      await view.close();
    }
  });

  test('missing files are listed, at most ten, with what to do about them', async () => {
    const clock = new FakeClock();
    const terminal = fakeTerminal({ columns: 80 });
    const view = liveView(context(terminal, clock));
    view.onEvent(partial);
    await view.close();
    expect(terminal.stderr.screen().filter((line) => line !== '')).toEqual([
      "! Backup finished without 2 files: Anna's iPhone, 2026-11-21 08:06",
      '  Version    k7f29b1e · 49,871 files, 42.0 GB · encrypted',
      '  Changed    312 added, 892 changed, 57 removed',
      '  Received   1,204 files, 868 MB in 3 min 41 s (28.0 MB/s while receiving)',
      '  Checked    the iPhone reported success; every file it sent is in place',
      '  History    m2xq8d04 (2026-11-20 08:05) keeps 612 MB · 312 GB free',
      '  Missing    2 files that the iPhone could not read; the rest can be restored',
      '    Media/DCIM/104APPLE/IMG_4471.HEIC    Input/output error',
      '    Library/Caches/lists/today.db        No such file or directory',
      '→ Open IMG_4471.HEIC on the iPhone; if it opens, run ibk backup again.',
      '  partial · exit 3',
    ]);
  });

  test('several devices: a line each, then the sum', async () => {
    const clock = new FakeClock();
    const terminal = fakeTerminal({ columns: 80 });
    const view = liveView(context(terminal, clock, ["Anna's iPhone", 'Lab iPhone 7', 'iPad mini 📚']));
    const error = new IbkError('not_paired', 'x', { hint: 'ibk pair -u "iPad mini"' });
    view.onEvent(receiving);
    view.onEvent({ type: 'prompt', udid: 'UDID-1', prompt: 'passcode', state: 'shown', timeoutSeconds: 300 });
    view.onEvent({ type: 'error', udid: 'UDID-2', error });
    await clock.advance(42_000);
    expect(terminal.stderr.screen().filter((line) => line !== '')).toEqual([
      "Anna's iPhone  ━━━━━━━━━━━──────── 62 %  25.6 GB  48.3 MB/s  about 5 min",
      'Lab iPhone 7   ! enter the passcode on the iPhone         waiting 0:42',
      'iPad mini 📚   ✗ not trusted: ibk pair -u "iPad mini"',
    ]);
    view.onEvent(summary);
    const second = { ...summary, udid: 'UDID-1', filesReceived: 405, bytesReceived: 91_200_000, durationSeconds: 125 };
    view.onEvent(second);
    view.onEvent({ type: 'several', code: 'partial', exit: 3, devices: [] });
    await view.close();
    expect(terminal.stderr.screen().filter((line) => line !== '')).toEqual([
      '2 of 3 devices backed up · partial · exit 3',
      "  ✓ Anna's iPhone  k7f29b1e  1,204 files, 868 MB  3 min 41 s",
      '  ✓ Lab iPhone 7   k7f29b1e  405 files, 91.2 MB   2 min 05 s',
      '  ✗ iPad mini 📚   not trusted (exit 22): ibk pair -u "iPad mini"',
    ]);
  });

  test('a name with control characters does nothing to the terminal', async () => {
    const clock = new FakeClock();
    const terminal = fakeTerminal({ columns: 80 });
    const view = liveView(context(terminal, clock));
    const evil = 'x\x1b]0;owned\x07\u202e\n';
    view.onEvent({ ...start, device: { ...device, name: evil } } as OperationEvent);
    await clock.advance(100);
    view.onEvent({ ...summary, device: { ...device, name: evil } });
    await view.close();
    expect(terminal.stderr.text).not.toMatch(/\x1b\]|\u202e|\x07/);
    expect(terminal.stderr.text).toContain('x\\x1b]0;owned\\x07\\u202e\\n');
  });
});

test('in a log: a line at each change, then every 30 s', async () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const view = plainView(context(fakeTerminal(), clock), (line) => lines.push(line));
  view.onEvent(start);
  await clock.advance(1000);
  view.onEvent({ type: 'prompt', udid: UDID, prompt: 'passcode', state: 'shown', timeoutSeconds: 300 });
  await clock.advance(20_000);
  view.onEvent({ type: 'prompt', udid: UDID, prompt: 'passcode', state: 'answered', timeoutSeconds: 300 });
  view.onEvent({ type: 'phase', udid: UDID, phase: 'scan' });
  await clock.advance(61_000);
  view.onEvent({ ...receiving, percent: 97, bytesDone: 842_000_000, bytesPerSecond: 28_000_000, filesDone: 1166 });
  await clock.advance(30_000);
  view.onEvent(summary);
  await view.close();
  await clock.advance(120_000);
  expect(lines.map((line) => line.replace(/^\d\d(?=:\d\d:\d\d )/, 'HH'))).toEqual([
    "HH:02:19 Anna's iPhone: backup started, incremental, USB, encrypted",
    "HH:02:20 Anna's iPhone: enter the passcode on it, iOS waits about 3 min",
    "HH:02:40 Anna's iPhone: passcode prompt answered",
    "HH:02:40 Anna's iPhone: scanning",
    "HH:03:10 Anna's iPhone: scanning, 30 s so far",
    "HH:03:40 Anna's iPhone: scanning, 1 min 00 s so far",
    "HH:04:10 Anna's iPhone: receiving 97 %, 842 MB, 28.0 MB/s, 1,166 files",
    "HH:04:11 Anna's iPhone: done, version k7f29b1e, 1,204 files, 868 MB, 3 min 41 s",
  ]);
});

test('quiet: nothing on success, the missing files otherwise', async () => {
  const terminal = fakeTerminal();
  const view = quietView(context(terminal, new FakeClock()));
  for (const event of [start, receiving, summary]) view.onEvent(event);
  expect(terminal.stderr.text).toBe('');
  view.onEvent(partial);
  expect(terminal.stderr.text).toContain('without 2 files');
});

test('JSON: a line an event, of the progress one a second', async () => {
  const clock = new FakeClock();
  const { stdout } = fakeTerminal();
  const view = jsonView(stdout, clock, true);
  for (let i = 0; i < 35; i++) {
    view.onEvent(receiving);
    await clock.advance(100);
  }
  view.onEvent(summary);
  const lines = stdout.text
    .trimEnd()
    .split('\n')
    .map((line): { type: string } => JSON.parse(line));
  expect(lines.map(({ type }) => type)).toEqual(['progress', 'progress', 'progress', 'progress', 'summary']);
  expect(lines.at(-1)).toMatchObject({
    v: 1,
    udid: UDID,
    version: 'k7f29b1e',
    files_received: 1204,
    duration_seconds: 221,
  });
});

function withoutSpinner(line: string): string {
  return line.replace(/^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] /, '');
}
