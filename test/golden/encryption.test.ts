/** Backup encryption of a phone, with the built ibk; the phone says what it has set. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { plugIn } from '../support/phone.js';
import { tempHome, transcript } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));

test('on, what makes no sense, change, off', async () => {
  await using phone = await plugIn(home, { scenarios: ['paired'], files: 5, bytes: 5000 });
  const [simulated] = phone.sim.phones;
  const texts: string[] = [];
  const say = async (args: string[], env: Record<string, string> = {}) => {
    const ran = await phone.ibk(args, { env });
    texts.push(transcript(args, ran, home).replaceAll(home, '~'));
    return ran;
  };
  const file = join(home, 'next');
  writeFileSync(file, 'correct horse\n', { mode: 0o600 });
  await say(['encrypt', 'status']);
  await say(['encrypt', 'change']);
  await say(['encrypt', 'on']);
  expect((await say(['encrypt', 'on', '--new-password-file', file])).exit).toBe(0);
  expect(simulated?.encryption?.password).toBe('correct horse');
  await say(['encrypt', 'on'], { IBK_NEW_PASSWORD: 'another' });
  expect((await say(['encrypt', 'change'], { IBK_PASSWORD: 'wrong', IBK_NEW_PASSWORD: 'x' })).exit).toBe(12);
  expect(simulated?.encryption?.password).toBe('correct horse');
  expect((await say(['encrypt', 'change'], { IBK_PASSWORD: 'correct horse', IBK_NEW_PASSWORD: '12345' })).exit).toBe(0);
  expect(simulated?.encryption?.password).toBe('12345');
  const lines = expectValidLines((await phone.ibk(['encrypt', 'status', '--json'])).stdout);
  expect(lines).toMatchObject([
    { type: 'encryption', encrypted: true, passcode_set: true, forced_by_management: false },
  ]);
  expect((await say(['encrypt', 'off'], { BACKUP_PASSWORD: '12345' })).exit).toBe(2);
  expect((await say(['encryption', 'off', '--yes'], { BACKUP_PASSWORD: '12345' })).exit).toBe(0);
  expect(simulated?.encryption).toBeUndefined();
  expect(phone.sim.violations).toEqual([]);
  await expect(texts.join('\n')).toMatchFileSnapshot('../../fixtures/golden/encryption.txt');
});

test('management forces it; the passcode is not entered', async () => {
  const options = { files: 5, bytes: 5000, encryption: { password: 'word' } };
  await using managed = await plugIn(home, { ...options, scenarios: ['paired', 'requires-encryption'] });
  expect((await managed.ibk(['encrypt', 'off', '--yes'], { env: { IBK_PASSWORD: 'word' } })).exit).toBe(28);
  await using alone = await plugIn(home, { ...options, scenarios: ['paired', 'passcode-refused'] });
  const env = { IBK_PASSWORD: 'word', IBK_NEW_PASSWORD: 'a longer word' };
  expect((await alone.ibk(['encrypt', 'change'], { env })).exit).toBe(23);
  expect(alone.sim.phones[0]?.encryption?.password).toBe('word');
});
