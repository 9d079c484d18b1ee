/** A session with a simulated phone, told as text: what each command writes when it is piped, word for word. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { controlSimulator } from '../../src/sim/index.js';
import { nextSecond } from '../support/next-second.js';
import { plugIn } from '../support/phone.js';
import { tempHome, transcript } from '../support/run-ibk.js';

let home: string;
beforeEach(() => {
  home = tempHome();
});
afterEach(() => rmSync(home, { recursive: true, force: true }));
const golden = (name: string) => `../../fixtures/golden/${name}.txt`;

test('from the first look to the second backup', async () => {
  await using phone = await plugIn(home);
  const texts: string[] = [];
  const run = async (...args: string[]) => {
    if (args[0] === 'backup') await nextSecond();
    const ran = await phone.ibk(args);
    texts.push(transcript(args, ran, home));
    return ran;
  };
  await run('list');
  await run('devices');
  await run('doctor');
  await run('backup', '--dry-run');
  await run('pair', '--dry-run');
  await run('pair');
  await run('pair');
  await run('devices');
  await run('backup', '--dry-run');
  const first = await run('backup', '--progress', 'none');
  expect(first.stderr).toContain('First full backup finished');
  await run('list');
  await run('doctor');
  await run('info');
  await run('backup', '-n');
  await run('backup');
  await run('backup', '-q', '--full');
  await run('list', '-u', 'sim');
  await run('verify');
  await run('check', 'latest~1', '--read-data');
  await run('list', '-u', 'nobody');
  await run('unpair');
  await run('unpair', '--dry-run');
  await run('unpair', '--yes');
  await run('unpair', '--yes');
  await expect(texts.join('\n')).toMatchFileSnapshot(golden('session'));
});

test('two phones', async () => {
  await using phone = await plugIn(home, { ios: ['17', '15'] });
  const texts: string[] = [];
  for (const args of [
    ['backup'],
    ['backup', '-u', 'all', '--progress', 'none'],
    ['backup', '-u', 'all', '-q'],
    // The newest stands first in the list: of two that end together that is chance.
    ['backup', '-u', 'Sim iPhone', '-q'],
    ['devices'],
    ['list'],
    ['verify'],
    ['verify', '-u', 'Sim iPhone 2'],
    ['pair', '-u', 'nobody'],
  ]) {
    if (args[0] === 'backup') await nextSecond();
    texts.push(transcript(args, await phone.ibk(args), home));
  }
  await expect(texts.join('\n')).toMatchFileSnapshot(golden('two-phones'));
});

test('no phone', async () => {
  await using phone = await plugIn(home);
  await controlSimulator(phone.sim.listen, 'unplug', {});
  const texts: string[] = [];
  for (const args of [
    ['devices'],
    ['devices', '--json'],
    ['devices', '--wait', '1s'],
    ['backup'],
    ['backup', '--wait', '1s'],
    ['doctor'],
    ['info', '-u', 'Anna'],
  ])
    texts.push(transcript(args, await phone.ibk(args), home));
  await expect(texts.join('\n')).toMatchFileSnapshot(golden('no-phone'));
});

test('over Wi-Fi, and both ways', async () => {
  await using phone = await plugIn(home, { scenarios: ['usb-and-network', 'paired'] });
  const texts: string[] = [];
  for (const args of [['devices'], ['backup', '--network', '-n'], ['backup', '-n'], ['info']])
    texts.push(transcript(args, await phone.ibk(args), home));
  await using wireless = await plugIn(home, { scenarios: ['network'] });
  for (const args of [['pair'], ['backup', '--usb']]) texts.push(transcript(args, await wireless.ibk(args), home));
  await expect(texts.join('\n')).toMatchFileSnapshot(golden('links'));
});

test('unfinished backups of other programs are listed as such', async () => {
  const root = join(home, 'others');
  mkdirSync(join(root, '00008120-0000000000000001'), { recursive: true });
  writeFileSync(join(root, '00008120-0000000000000001', 'Info.plist'), INFO_PLIST);
  await using phone = await plugIn(home);
  const ran = await phone.ibk(['list', '-o', root]);
  await expect(transcript(['list'], ran, home)).toMatchFileSnapshot(golden('list-unfinished'));
});

const INFO_PLIST = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>Device Name</key><string>iPad mini 📚</string>
<key>Product Type</key><string>iPad14,1</string>
<key>Product Version</key><string>26.1</string>
<key>Unique Identifier</key><string>00008120-0000000000000001</string>
</dict></plist>
`;
