/**
 * idevicebackup2 and file commands in the folder that ibk keeps: between its runs, in the middle of them, killed. Whatever happens, a version gives the bytes that
 * the phone held, or says that they are lost; and the folder is what the program that was there last made of it. IBK_TEST_ALL=1: every moment and program.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { BackupStore } from '../../src/backup/store.js';
import { startSimulator, type Simulator } from '../../src/sim/index.js';
import { readBackup } from '../support/backup-reader.js';
import { type Phone, plugIn } from '../support/phone.js';
import { change, type PhoneState, placeOf, readBack, stateOf } from '../support/phone-history.js';
import { cleanEnvironment, type During, KILL, tempHome } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';
import { IS_WHOLE } from '../support/phone-kinds.js';
import { describeWithTools } from '../support/tools.js';

const OPTIONS = { scenarios: ['paired'], ios: ['15'], files: 30, bytes: 200_000 } as const;
/** The first of them, or with IBK_TEST_ALL=1 each. */
const some = <T>(cases: readonly T[], quick = 1): T[] => (IS_WHOLE ? [...cases] : cases.slice(0, quick));
const home = tempHome();
let phone: Phone;
/** The same phone for the other program: one that plays to two computers at once has no answer for the second. */
let twin: Simulator;
let udid: string;
let root: string;
/** What the phone held, by version; and at runs that did not say that they succeeded since. */
let states: Map<string, PhoneState>;
let untold: PhoneState[];

beforeEach(async () => {
  phone = await plugIn(home, OPTIONS);
  twin = await startSimulator(OPTIONS);
  udid = phone.sim.phones[0]?.udid ?? '';
  root = mkdtempSync(join(home, 'root-'));
  states = new Map();
  untold = [];
});
afterEach(async () => {
  await phone[Symbol.asyncDispose]();
  await twin.close();
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const versions = () => new BackupStore(root, udid).versions();
const folder = () => join(root, udid);

async function backup(during?: During, ...args: string[]) {
  untold.push(await stateOf(phone.sim));
  const ran = await phone.ibk(['backup', '-q', '-o', root, ...args], during && { during });
  const made = versions().filter(({ id, origin }) => origin === 'ibk' && !states.has(id));
  const held = untold.slice(-made.length);
  for (const [at, { id }] of made.reverse().entries()) states.set(id, held[at] ?? new Map());
  if (made.length > 0) untold = [];
  return ran;
}

/** A line that backs up the twin, for a shell in the middle of ibk. @param seconds it is killed after this long: the twin is silent by then */
function other(seconds?: number): string {
  const { HOME, PATH } = cleanEnvironment(home);
  const killed = seconds === undefined ? '' : `timeout -s KILL ${seconds} `;
  const env = `env -i HOME='${HOME}' PATH='${PATH}' USBMUXD_SOCKET_ADDRESS='${twin.listen}'`;
  return `${env} ${killed}idevicebackup2 backup '${root}' </dev/null >/dev/null`;
}
/** The phones live in this process: it must not wait for the line without answering them. */
const shell = (line: string) => execa('sh', ['-c', `${line} || true`], { stdio: 'ignore' });

/** Every version is right or says what it lost; `list` and `verify` say the same. @returns how much is lost, by version, newest first */
async function lostOfAll(): Promise<number[]> {
  const listed = expectValidLines((await phone.ibk(['list', '--json', '-o', root])).stdout)[0]?.['devices'];
  const [device] = listed as { versions: { version: string | null; files_lost: number }[] }[];
  const found: number[] = [];
  for (const { id, current } of versions()) {
    const state = states.get(id);
    if (state === undefined) continue;
    const { lost, wrong } = await readBack(root, udid, id, state);
    expect(wrong, id).toEqual([]);
    if (!current)
      expect(device?.versions.find(({ version }) => id.endsWith(version ?? '-'))?.files_lost).toBe(lost.length);
    found.push(lost.length);
  }
  return found;
}

/** The newest backup is what the phone holds, byte for byte. */
async function expectNewestWhole(): Promise<void> {
  await expectFolder(await stateOf(phone.sim));
  expect((await lostOfAll())[0]).toBe(0);
  const verified = await phone.ibk(['verify', '--read-data', '--json', '-o', root]);
  expect(expectValidLines(verified.stdout)[0]).toMatchObject({ code: 'ok', problems: [] });
}

async function expectFolder(state: PhoneState): Promise<void> {
  const { tree, problems } = readBackup(folder());
  expect(problems).toEqual([]);
  expect(new Map(Object.entries(tree).map(([path, { sha256 }]) => [path, sha256]))).toEqual(state);
}

describeWithTools('another program in the folder', ['idevicebackup2'], () => {
  const options = { timeout: 600_000 };

  test.each(
    some([
      ['just before the commit is decided', 'fsync:2', 'Nothing that was received now was kept'],
      ['while files arrive', 'create:8', 'Nothing that was received now was kept'],
    ]),
  )('a whole run %s: ibk ends with 11 and touches nothing', options, async (_when, at, says) => {
    expect((await backup()).exit).toBe(0);
    await change(phone.sim);
    await change(twin);
    const ran = await backup({ at, run: other() });
    expect(ran.stderr).toMatch(/^✗ Another program wrote into the backup folder during this backup\.\n/);
    expect(ran.stderr).toContain(says);
    expect(ran.exit).toBe(11);
    const twinState = await stateOf(twin);
    await expectFolder(twinState);
    await change(phone.sim);
    expect((await backup()).exit).toBe(0);
    states.set(versions()[1]?.id ?? '', twinState);
    expect(versions().map(({ origin }) => origin)).toEqual(['ibk', 'foreign', 'ibk']);
    await expectFolder(await stateOf(phone.sim));
    const [now, foreign, first] = await lostOfAll();
    expect([now, foreign]).toEqual([0, 0]);
    expect(first).toBeGreaterThan(0);
  });

  test(
    'into a root with five versions: each gives the right bytes or names what is lost; list, verify and diff say so',
    options,
    async () => {
      for (let made = 0; made < 5; made++) {
        if (made > 0) await change(phone.sim);
        expect((await backup()).exit).toBe(0);
      }
      await change(phone.sim);
      await shell(other().replace(twin.listen, phone.sim.listen));
      await expectFolder(await stateOf(phone.sim));
      // Taken in as a version by the next writing command, whichever.
      expect((await phone.ibk(['prune', '-o', root])).exit).toBe(0);
      expect(versions().map(({ origin }) => origin)).toEqual(['foreign', 'ibk', 'ibk', 'ibk', 'ibk', 'ibk']);
      const lost = await lostOfAll();
      expect(lost).toHaveLength(5);
      expect(lost[0]).toBeGreaterThan(0);
      for (const [at, { id }] of versions().slice(1).entries()) {
        const word = id.slice(-8);
        const verified = await phone.ibk(['verify', word, '--json', '-o', root]);
        const [report] = expectValidLines(verified.stdout);
        const problems = report?.['problems'] as { kind: string; stored_as: string }[];
        const { lost: names } = await readBack(root, udid, id, states.get(id) ?? new Map());
        // Manifest and keys have a second home: every version opens.
        expect([verified.exit, report?.['manifest']]).toEqual([lost[at] === 0 ? 0 : 13, 'checked']);
        expect(problems.map(({ stored_as }) => stored_as).sort()).toEqual(names);
        const diff = await phone.ibk(['diff', word, 'latest', '--json', '-o', root]);
        expect([diff.exit, expectValidLines(diff.stdout)[0]?.['type']]).toEqual([0, 'diff']);
      }
      const text = (await phone.ibk(['list', '-o', root])).stdout;
      expect(text).toContain('overwritten by another program on');
      expect(text).not.toContain('unreadable');
    },
  );

  test('a whole run in the middle of the commit: both are kept', options, async () => {
    expect((await backup()).exit).toBe(0);
    await change(phone.sim);
    await change(twin);
    const ran = await backup({ at: 'rename:6', run: other() });
    expect(ran.stderr).toContain('This backup is kept as a version; the folder is as the other program left it.');
    expect(ran.exit).toBe(11);
    expect(states.size).toBe(2);
    await lostOfAll();
    await change(phone.sim);
    expect((await backup()).exit).toBe(0);
    await expectFolder(await stateOf(phone.sim));
    expect((await lostOfAll())[0]).toBe(0);
  });

  test.each(
    some([
      ['receive', 'while files arrive', 'create:8'],
      ['finish', 'between check and commit', 'fsync:2'],
      ['receive', 'between runs', undefined],
      ['finish', 'while files arrive', 'create:8'],
      ['receive', 'between check and commit', 'fsync:2'],
      ['finish', 'between runs', undefined],
      ['finish', 'in the commit', 'rename:6'],
    ]),
  )('a run killed while its phone is at %s, %s', options, async (phase, _when, at) => {
    expect((await backup()).exit).toBe(0);
    await twin.close();
    twin = await startSimulator({ ...OPTIONS, scenarios: ['paired', `silent=${phase}:60`] });
    await change(twin);
    await change(phone.sim);
    if (at === undefined) await shell(other(4));
    else {
      const met = await backup({ at, run: other(4) });
      expect(met.stderr).toMatch(/✗ Another program wrote into the backup folder (?:during|while) this backup/);
      expect(met.exit).toBe(11);
      await lostOfAll();
    }
    await change(phone.sim);
    const ran = await backup();
    expect(ran.exit, ran.stderr).toBe(0);
    await expectNewestWhole();
  });

  test('between a crash in the commit and the recovery', options, async () => {
    expect((await backup()).exit).toBe(0);
    await change(phone.sim);
    await change(twin);
    expect((await backup({ at: 'rename:6', run: KILL })).exit).toBeUndefined();
    await shell(other());
    await lostOfAll();
    await change(phone.sim);
    expect((await backup()).exit).toBe(0);
    await expectFolder(await stateOf(phone.sim));
    expect((await lostOfAll())[0]).toBe(0);
  });

  test('cp, rm and touch between runs: what they took is lost, and nothing else is wrong', options, async () => {
    expect((await backup()).exit).toBe(0);
    const state = [...(await stateOf(phone.sim)).keys()];
    const [removed, replaced, touched] = state.map((path) => join(folder(), placeOf(path)));
    rmSync(removed ?? '');
    await shell(`touch '${touched}'`);
    // In place, of the same size: no folder's time tells.
    const bytes = readFileSync(replaced ?? '');
    writeFileSync(replaced ?? '', Buffer.alloc(bytes.length, 7));
    expect(await lostOfAll()).toEqual([2]);
    const verified = await phone.ibk(['verify', '--read-data', '--json', '-o', root]);
    expect(verified.exit).toBe(13);
    const kinds = ['changed', 'missing'].map((kind) => expect.objectContaining({ kind }));
    expect(expectValidLines(verified.stdout)[0]).toMatchObject({ problems: expect.arrayContaining(kinds) });
  });

  /** The phone goes on. @returns places of files that it did not change meanwhile, none of them empty */
  const changeOthers = async () => {
    const before = await stateOf(phone.sim);
    await change(phone.sim);
    return [...(await stateOf(phone.sim))]
      .filter(([path, sha256]) => before.get(path) === sha256)
      .map(([path]) => join(folder(), placeOf(path)))
      .filter((path) => statSync(path).size > 0);
  };
  const overwriteInPlace = (path: string) => writeFileSync(path, Buffer.alloc(statSync(path).size, 7));

  test.each(
    some(
      [
        ['while files arrive', 'create:8'],
        ['in the commit', 'rename:6'],
        ['between check and commit', 'fsync:2'],
      ],
      1,
    ),
  )('rm, cp and touch %s', options, async (_when, at) => {
    expect((await backup()).exit).toBe(0);
    const [removed, replaced, touched] = await changeOthers();
    const note = `${folder()}/note`;
    const line = `rm '${removed}'; cp '${touched}' '${replaced}'; touch '${touched}'; cp '${touched}' '${note}'; rm '${note}'`;
    const ran = await backup({ at, run: line });
    // The phone may see it first, where it looks at its earlier backup.
    expect(ran.stderr).toMatch(
      /^✗ (?:Another program wrote into the backup folder|The iPhone found the earlier backup)/,
    );
    expect([11, 13]).toContain(ran.exit);
    await lostOfAll();
    await change(phone.sim);
    const next = await backup();
    expect(next.exit, next.stderr).toBe(0);
    await lostOfAll();
    expect(versions().filter(({ id, complete }) => complete && !states.has(id))).toEqual([]);
    expect((await backup(undefined, '--full')).exit).toBe(0);
    await lostOfAll();
    await expectNewestWhole();
  });

  test(
    'files removed and overwritten between runs, a file command in the next: never handed on, all mended',
    options,
    async () => {
      expect((await backup()).exit).toBe(0);
      const [removed = '', replaced = '', replacedToo = '', touched = ''] = await changeOthers();
      rmSync(removed);
      overwriteInPlace(replaced);
      // Its folder's time tells of this one.
      overwriteInPlace(replacedToo);
      await shell(`mv '${replacedToo}' '${replacedToo}-'; mv '${replacedToo}-' '${replacedToo}'`);
      const note = `${folder()}/note`;
      const line = `touch '${touched}'; cp '${touched}' '${note}'; rm '${note}'`;
      const ran = await backup({ at: 'create:25', run: line });
      expect(ran.exit, ran.stderr).toBe(11);
      const [damaged] = versions();
      const verified = await phone.ibk(['verify', '--json', '-o', root, damaged?.id.slice(-8) ?? '']);
      const kinds = ['changed', 'missing'].map((kind) => expect.objectContaining({ kind }));
      expect(expectValidLines(verified.stdout)[0]).toMatchObject({ problems: expect.arrayContaining(kinds) });
      expect(verified.exit).toBe(13);
      expect((await phone.ibk(['verify', '-o', root])).exit).toBe(13);
      const listed = await phone.ibk(['list', '-o', root]);
      expect(listed.stdout).toMatch(/^Sim iPhone .* damaged · /);
      const next = await backup();
      expect(next.exit, next.stderr).toBe(0);
      await expectNewestWhole();
      // The same bytes came again, so that the version before has lost nothing.
      expect(await lostOfAll()).toEqual([0, 0]);
      expect(versions().map(({ origin }) => origin)).toEqual(['ibk', 'ibk']);
      expect((await backup(undefined, '--full')).exit).toBe(0);
      await expectNewestWhole();
    },
  );
});
