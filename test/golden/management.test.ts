/** Settings of a phone, and erasing it, with the built ibk; the phone says what it has. */
import { rmSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { type Phone, plugIn } from '../support/phone.js';
import { tempHome, transcript } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Runs ibk, and keeps what it wrote. */
function teller(phone: Phone) {
  const texts: string[] = [];
  const say = async (...args: string[]) => {
    const ran = await phone.ibk(args);
    texts.push(transcript(args, ran, home).replaceAll(home, '~'));
    return ran.exit;
  };
  return { texts, say };
}

const small = { files: 5, bytes: 5000 };

test('wifi and cloud', async () => {
  await using phone = await plugIn(home, { ...small, scenarios: ['paired'] });
  const [simulated] = phone.sim.phones;
  const { texts, say } = teller(phone);
  expect(await say('wifi', 'status')).toBe(0);
  expect(await say('wifi', 'on', '--dry-run')).toBe(0);
  expect(simulated?.setValues.size).toBe(0);
  expect(await say('wifi', 'on')).toBe(0);
  expect(simulated?.setValues.get('com.apple.mobile.wireless_lockdown')).toEqual({ EnableWifiConnections: true });
  expect(await say('wifi', 'status')).toBe(0);
  const [status] = expectValidLines((await phone.ibk(['wifi', 'off', '--json'])).stdout);
  expect(status).toMatchObject({ type: 'wifi', enabled: false });
  expect(await say('wifi')).toBe(2);
  expect(await say('wifi', 'maybe')).toBe(2);
  expect(await say('cloud', 'on')).toBe(2);
  expect(await say('cloud', 'on', '--dry-run')).toBe(0);
  expect(simulated?.cloudBackup).toBe(false);
  expect(await say('cloud', 'on', '--yes')).toBe(0);
  expect(simulated?.cloudBackup).toBe(true);
  expect(await say('info', '-v')).toBe(0);
  const [cloud] = expectValidLines((await phone.ibk(['cloud', 'off', '--yes', '--json'])).stdout);
  expect(cloud).toMatchObject({ type: 'cloud', enabled: false });
  expect(simulated?.cloudBackup).toBe(false);
  expect(await say('cloud', 'status')).toBe(2);
  expect(phone.sim.violations).toEqual([]);
  await expect(texts.join('\n')).toMatchFileSnapshot('../../fixtures/golden/wifi-cloud.txt');
});

test('without the cable, turning Wi-Fi off asks', async () => {
  await using phone = await plugIn(home, { ...small, scenarios: ['paired', 'network'] });
  const { texts, say } = teller(phone);
  expect(await say('wifi', 'on')).toBe(0);
  expect(await say('wifi', 'off')).toBe(2);
  expect(await say('wifi', 'off', '-y')).toBe(0);
  expect(phone.sim.violations).toEqual([]);
  expect(texts[1]).toContain('Without the cable it cannot be reached then.');
});

test('erase wants the name; the phone is a new one afterwards', async () => {
  await using phone = await plugIn(home, { ...small, scenarios: ['paired', 'find-my'] });
  const [simulated] = phone.sim.phones;
  const held = async () => (await simulated?.content.items())?.filter(({ kind }) => kind === 'file').length;
  expect(await held()).toBe(5);
  expect((await phone.ibk(['backup', '-q'])).exit).toBe(0);
  const { texts, say } = teller(phone);
  expect(await say('erase')).toBe(2);
  expect(await say('erase', '--yes')).toBe(2);
  expect(await say('erase', '-u', 'all', '--yes')).toBe(2);
  expect(await say('erase', '-n')).toBe(0);
  expect(await held()).toBe(5);
  expect(await say('erase-device', '-u', 'Sim iPhone', '--yes')).toBe(0);
  expect(await held()).toBe(0);
  expect(simulated?.pairings.size).toBe(0);
  expect((await phone.ibk(['erase', '-u', 'Sim iPhone', '--yes'])).exit).toBe(22);
  expect((await phone.ibk(['pair'])).exit).toBe(0);
  const [erased] = expectValidLines((await phone.ibk(['erase', '-u', 'Sim iPhone', '--yes', '--json'])).stdout);
  expect(erased).toMatchObject({ type: 'erase', answered: false });
  expect(phone.sim.violations).toEqual([]);
  await expect(texts.join('\n')).toMatchFileSnapshot('../../fixtures/golden/erase.txt');
});

test('a phone whose backups are not encrypted is refused where that is asked for, before it is asked for anything', async () => {
  await using plain = await plugIn(home, { ...small, scenarios: ['paired'] });
  const { texts, say } = teller(plain);
  const args = ['backup', '--require-encrypted', '-o', `${home}/required`];
  expect(await say(...args)).toBe(4);
  expect(await say(...args, '--dry-run')).toBe(4);
  expect(expectValidLines((await plain.ibk([...args, '--json'])).stdout).at(-1)).toMatchObject({
    type: 'error',
    code: 'condition',
    exit: 4,
    reason: 'not_encrypted',
  });
  expect(plain.sim.phones[0]?.backupStats.requests).toEqual({});
  await expect(texts.join('\n')).toMatchFileSnapshot('../../fixtures/golden/require-encrypted.txt');
  await using encrypted = await plugIn(home, { ...small, scenarios: ['paired'], encryption: { password: 'word' } });
  expect((await encrypted.ibk(args)).exit).toBe(0);
});
