/** Pair records as files, and supervised phones, with the built ibk. */
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parsePlist } from '../../src/plist/codec.js';
import { readIdentity } from '../../src/protocol/lockdown/supervision.js';
import { Secret } from '../../src/io/secret.js';
import { type Phone, plugIn } from '../support/phone.js';
import { tempHome, transcript } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';
import { describeWithTools } from '../support/tools.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));
const at = (name: string) => join(home, name);
const small = { files: 3, bytes: 3000 };

function teller(phone: Phone) {
  const texts: string[] = [];
  const say = async (args: string[], env: Record<string, string> = {}) => {
    const ran = await phone.ibk(args, { env });
    texts.push(transcript(args, ran, home).replaceAll(home, '~'));
    return ran.exit;
  };
  return { texts, say };
}

test('a record is taken to another computer: written once, for its owner alone, and taken in when the phone knows it', async () => {
  await using phone = await plugIn(home, small);
  const { texts, say } = teller(phone);
  const file = at('record.plist');
  expect(await say(['pair', '--export', file])).toBe(22);
  expect((await phone.ibk(['pair'])).exit).toBe(0);
  expect(await say(['pair', '--export', file, '-n'])).toBe(0);
  expect(await say(['pair', '--export', file])).toBe(0);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const record = readFileSync(file);
  expect(Object.keys(parsePlist(record, file) as object).sort()).toEqual(
    ['DeviceCertificate', 'EscrowBag', 'HostCertificate', 'HostID', 'HostPrivateKey'].concat(
      ...['RootCertificate', 'RootPrivateKey', 'SystemBUID', 'WiFiMACAddress'],
    ),
  );
  expect(await say(['pair', '--export', file])).toBe(2);
  expect(readFileSync(file).equals(record)).toBe(true);
  expect(await say(['pair', '--import', file])).toBe(0);
  // Another computer: the muxer's records are gone, the phone's are not.
  const udid = phone.sim.phones[0]?.udid ?? '';
  phone.sim.pairRecords.delete(udid);
  expect((await phone.ibk(['devices'])).stdout).toContain('not trusted');
  chmodSync(file, 0o644);
  expect(await say(['pair', '--import', file])).toBe(0);
  expect((await phone.ibk(['devices'])).stdout).toContain('ready');
  phone.sim.pairRecords.delete(udid);
  phone.sim.phones[0]?.forgetComputers();
  expect(await say(['pair', '--import', file])).toBe(22);
  writeFileSync(at('other'), 'no record');
  expect(await say(['pair', '--import', at('other')])).toBe(2);
  expect(await say(['pair', '--import', file, '--p12', file])).toBe(2);
  expect(phone.sim.violations).toEqual([]);
  const shown = texts.join('\n');
  expect(shown).not.toContain('PRIVATE');
  await expect(shown).toMatchFileSnapshot('../../fixtures/golden/pair-files.txt');
});

describeWithTools('supervised phones', ['openssl'], () => {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: home, stdio: 'pipe' });
  const identity = (name: string, password: string, ...more: string[]) =>
    openssl(
      'pkcs12',
      '-export',
      ...more,
      '-inkey',
      'org.key',
      '-in',
      'org.pem',
      '-out',
      name,
      '-passout',
      `pass:${password}`,
    );

  beforeAll(() => {
    for (const name of ['org', 'other'])
      openssl(
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', `/CN=${name}`],
        ...['-keyout', `${name}.key`, '-out', `${name}.pem`],
      );
    identity('org.p12', 'örg secret');
    identity('open.p12', '');
    identity('old.p12', 'word', '-legacy');
    openssl('pkcs12', '-export', '-inkey', 'other.key', '-in', 'other.pem', '-out', 'other.p12', '-passout', 'pass:');
  });

  test('the identity of the organization pairs, without Trust; nobody else does', async () => {
    await using phone = await plugIn(home, { ...small, scenarios: [`supervised=${at('org.pem')}`, 'trust-refused'] });
    const { texts, say } = teller(phone);
    expect(await say(['pair'])).toBe(28);
    expect(await say(['pair', '--p12', at('other.p12')])).toBe(28);
    expect(await say(['pair', '--p12', at('org.p12')])).toBe(12);
    expect(await say(['pair', '--p12', at('org.p12')], { IBK_PASSWORD: 'another' })).toBe(12);
    expect(await say(['pair', '--p12', at('org.pem')])).toBe(2);
    expect(phone.sim.phones[0]?.pairings.size).toBe(0);
    expect(await say(['pair', '--p12', at('org.p12')], { IBK_PASSWORD: 'örg secret' })).toBe(0);
    expect(phone.sim.phones[0]?.pairings.size).toBe(1);
    expect((await phone.ibk(['backup', '-q'])).exit).toBe(0);
    expect((await phone.ibk(['unpair', '--yes', '-q'])).exit).toBe(0);
    const [paired] = expectValidLines((await phone.ibk(['pair', '--p12', at('open.p12'), '--json'])).stdout);
    expect(paired).toMatchObject({ type: 'pair', trusted: true, already: false });
    expect(phone.sim.violations).toEqual([]);
    const shown = texts.join('\n');
    expect(shown).not.toContain('secret');
    await expect(shown).toMatchFileSnapshot('../../fixtures/golden/supervised.txt');
  });

  test.each([
    ['org.p12', 'örg secret'],
    ['old.p12', 'word'],
  ])('what %s signs is accepted by openssl', async (name, word) => {
    const opened = await readIdentity(readFileSync(at(name)), Secret.of(word), name);
    const challenge = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    writeFileSync(at('answer.der'), opened.answer(challenge, Date.now()));
    const verify = ['cms', '-verify', '-binary', '-inform', 'DER', '-in', 'answer.der', '-CAfile', 'org.pem'];
    expect(openssl(...verify, '-purpose', 'any').equals(challenge)).toBe(true);
    expect(opened.certificate.equals(openssl('x509', '-in', 'org.pem', '-outform', 'DER'))).toBe(true);
    expect(`${JSON.stringify(opened)} ${String(opened)}`).not.toContain('BEGIN');
  });
});
