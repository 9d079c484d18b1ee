/** What stands in the way of a restore is found before the first byte: the phone has not been asked for one and holds what it held, and each reason has its exit code and its next step. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildXmlPlist, parsePlist } from '../../src/plist/codec.js';
import { isPlistDict, plistDict } from '../../src/plist/value.js';
import { startSimulator } from '../../src/sim/index.js';
import { tryBackup } from '../support/ibk-backup.js';
import { restartOf, tryRestore } from '../support/ibk-restore.js';
import { treeHash } from '../support/tree-hash.js';

/** Composed, as Windows and Linux write it; the phone was given the other form. */
const COMPOSED = 'p\u00e4ssword';
const DECOMPOSED = COMPOSED.normalize('NFD');

const home = mkdtempSync(join(tmpdir(), 'ibk-refusals-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const good = join(home, 'good');
let folder = '';
let file = '';

/** An iPhone of a company; what it holds says so. */
function company(supervised: boolean): string {
  const content = join(home, supervised ? 'company' : 'person');
  const domain = join(content, 'SysSharedContainerDomain-systemgroup.com.apple.configurationprofiles');
  mkdirSync(join(domain, 'Library/ConfigurationProfiles'), { recursive: true });
  const details = buildXmlPlist(plistDict({ IsSupervised: supervised }));
  writeFileSync(join(domain, 'Library/ConfigurationProfiles/CloudConfigurationDetails.plist'), details);
  mkdirSync(join(content, 'HomeDomain/Library'), { recursive: true });
  writeFileSync(join(content, 'HomeDomain/Library/notes.txt'), 'what somebody wrote');
  return content;
}

beforeAll(async () => {
  const sim = await startSimulator({
    files: 12,
    bytes: 60_000,
    scenarios: ['paired'],
    encryption: { password: DECOMPOSED },
  });
  await tryBackup({ listen: sim.listen, root: good });
  folder = join(good, sim.phones[0]?.udid ?? '');
  await sim.close();
  const [hash = ''] = readdirSync(folder).filter((name) => /^[0-9a-f]{2}$/.test(name));
  file = join(hash, readdirSync(join(folder, hash))[0] ?? '');
});

/** A copy of the good folder, which ibk has not taken in, changed. */
function spoiled(name: string, change: (copy: string) => void): string {
  const copy = join(home, name);
  cpSync(folder, copy, { recursive: true });
  change(copy);
  return copy;
}

interface Refusal {
  readonly scenarios?: readonly string[];
  readonly word?: () => string;
  readonly password?: string;
  readonly verify?: 'full';
  readonly check: string;
  readonly exit: number;
  /** What the next step names. */
  readonly hint: RegExp;
}

const unfinished = (copy: string) => {
  const status = parsePlist(readFileSync(join(copy, 'Status.plist')), 'Status.plist');
  if (!isPlistDict(status)) throw new Error('no dictionary');
  writeFileSync(join(copy, 'Status.plist'), buildXmlPlist(plistDict({ ...status, SnapshotState: 'uploading' })));
};
const flipped = (copy: string) => {
  const bytes = readFileSync(join(copy, file));
  bytes.writeUInt8(bytes.readUInt8(7) ^ 1, 7);
  writeFileSync(join(copy, file), bytes);
};

const REFUSALS: Readonly<Record<string, Refusal>> = {
  'a wrong password': { password: 'guess', check: 'password', exit: 12, hint: /ibk encrypt/ },
  unfinished: { word: () => spoiled('unfinished', unfinished), check: 'backup', exit: 13, hint: /ibk verify/ },
  'one missing file': {
    word: () => spoiled('missing', (copy) => renameSync(join(copy, file), join(home, 'taken'))),
    ...{ check: 'backup', exit: 13, hint: /ibk verify/ },
  },
  'a flipped bit, with --verify full': {
    word: () => {
      flipped(folder);
      return `${folder}/`;
    },
    ...{ verify: 'full', check: 'backup', exit: 13, hint: /ibk verify/ },
  },
  'an older iOS': { scenarios: ['product-version=16.7'], check: 'ios', exit: 15, hint: /Update the iPhone to 17/ },
  'Find My': { scenarios: ['find-my'], check: 'find_my', exit: 28, hint: /Turn off Find My/ },
  locked: { scenarios: ['not-unlocked'], check: 'locked', exit: 23, hint: /Unlock the iPhone/ },
  'no space': { scenarios: ['phone-full'], check: 'space', exit: 14, hint: /Free .* on the iPhone/ },
  'set-up half done': { scenarios: ['setup-unfinished'], check: 'set_up', exit: 27, hint: /Finish it on the iPhone/ },
};

test.each(Object.entries(REFUSALS))('%s', async (_name, refusal) => {
  const { scenarios = [], word, password = COMPOSED, verify, check, exit, hint } = refusal;
  const bytes = readFileSync(join(folder, file));
  await using sim = await startSimulator({ files: 6, bytes: 6000, seed: 5, scenarios: ['paired', ...scenarios] });
  const [phone] = sim.phones;
  const before = await phone?.content.tree(true);
  try {
    const options = {
      listen: sim.listen,
      root: good,
      password,
      ...(verify && { verify }),
      ...(word && { word: word() }),
    };
    const { outcome, error, ...tried } = await tryRestore(options);
    expect([error?.message, outcome?.state, tried.exit]).toEqual([undefined, 'refused', exit]);
    const failed = outcome?.plans[0]?.checks.filter(({ state }) => state === 'fail');
    expect(failed?.map((each) => each.check)).toEqual([check]);
    expect(failed?.[0]?.hint).toMatch(hint);
    expect(await phone?.content.tree(true)).toEqual(before);
    expect(phone?.backupStats.requests).toEqual({});
    expect(sim.violations).toEqual([]);
  } finally {
    writeFileSync(join(folder, file), bytes);
  }
});

test('a low battery is said, and hinders nobody; the phone is given the form of the password that opens the backup', async () => {
  const before = treeHash(good);
  await using sim = await startSimulator({ files: 6, bytes: 6000, seed: 5, scenarios: ['paired', 'battery=12'] });
  const back = restartOf(sim);
  const { outcome, error, exit } = await tryRestore({ listen: sim.listen, root: good, password: COMPOSED });
  expect([error?.message, exit]).toEqual([undefined, 0]);
  const battery = outcome?.plans[0]?.checks.find(({ check }) => check === 'battery');
  expect(battery).toMatchObject({ state: 'warn', message: '12 %, not charging' });
  await back;
  expect(sim.phones[0]?.encryption?.password).toBe(DECOMPOSED);
  expect(treeHash(good)).toBe(before);
});

test.each([
  [true, ['chaperoned'], 'ok'],
  [true, [], 'fail'],
  [false, ['chaperoned'], 'fail'],
  [false, [], undefined],
] as const)('a backup of a phone that is supervised (%s), to one with %j', async (supervised, scenarios, state) => {
  const root = join(home, `supervised-${supervised}`);
  await using sim = await startSimulator({ contentFolder: company(supervised), scenarios: ['paired', ...scenarios] });
  await tryBackup({ listen: sim.listen, root });
  const requests = { ...sim.phones[0]?.backupStats.requests };
  const { outcome, exit } = await tryRestore({ listen: sim.listen, root, settings: { reboot: false } });
  const check = outcome?.plans[0]?.checks.find((each) => each.check === 'supervision');
  expect([check?.state, check?.code ?? null, exit]).toEqual(
    state === 'fail' ? ['fail', 'incompatible', 15] : [state, null, 0],
  );
  if (state === 'fail') expect(sim.phones[0]?.backupStats.requests).toEqual(requests);
});
