/** The manifests of a plain phone's ten versions as a user meets them: what they take, that each version reads as ever, what is forgotten, and damage. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupStore } from '../../src/backup/store.js';
import { type Phone, plugIn } from '../support/phone.js';
import { change, type PhoneState, readBack, stateOf } from '../support/phone-history.js';
import { KILL, tempHome } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';

const home = tempHome();
const root = join(home, 'root');
const states = new Map<string, PhoneState>();
/** SHA-256 of the manifest that each version had when it was made. */
const manifests = new Map<string, string>();
let phone: Phone;

const udid = () => phone.sim.phones[0]?.udid ?? '';
const ibk = (...args: string[]) => phone.ibk([...args, '-o', root]);
const versions = () => new BackupStore(root, udid()).versions();
const folderOf = (id: string) => join(root, '.ibk', udid(), 'versions', id);
const packed = (id: string) => join(folderOf(id), 'manifest.gz');
const plain = (id: string) => join(folderOf(id), 'files/Manifest.db');
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

async function backUp(...options: string[]): Promise<void> {
  const state = await stateOf(phone.sim);
  expect((await ibk('backup', '-q', ...options)).exit).toBe(0);
  const id = versions()[0]?.id ?? '';
  states.set(id, state);
  manifests.set(id, sha256(readFileSync(join(root, udid(), 'Manifest.db'))));
}

/** Each is complete to the last byte, and has the manifest that it had. */
async function allWhole(): Promise<void> {
  for (const { id } of versions()) {
    const { wrong, lost } = await readBack(root, udid(), id, states.get(id) ?? new Map());
    expect([id, wrong, lost]).toEqual([id, [], []]);
    const file = new BackupStore(root, udid()).open(id, 'Manifest.db');
    const bytes = Buffer.alloc(file.stat().sizeBytes);
    file.read(bytes, 0);
    file.close();
    expect(sha256(bytes)).toBe(manifests.get(id));
    const verified = await new BackupStore(root, udid()).verify(id, { readData: true });
    expect([id, verified.problems]).toEqual([id, []]);
  }
}

/** Of the folder and of what versions keep, without records. */
function contentBytes(): number {
  const own = filesBelow(join(root, '.ibk', udid(), 'versions')).filter((path) => /\/files\/|manifest\.gz$/.test(path));
  return [...filesBelow(join(root, udid())), ...own].reduce((sum, path) => sum + sizeOf(path), 0);
}

/** Of the newest first. */
const forms = () =>
  versions().map(({ id, current }) =>
    current ? 'newest' : existsSync(packed(id)) ? (existsSync(plain(id)) ? 'both' : 'packed') : 'plain',
  );

beforeAll(async () => {
  phone = await plugIn(home, { files: 300, bytes: 300_000, scenarios: ['paired'] });
  for (let made = 0; made < 10; made++) {
    if (made > 0) await change(phone.sim);
    await backUp();
  }
}, 240_000);
afterAll(async () => {
  await phone[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

test('all but the newest two are packed, and said to take what they take', async () => {
  expect(forms()).toEqual(['newest', 'plain', ...Array.from({ length: 8 }, () => 'packed')]);
  const whole = sizeOf(join(root, udid(), 'Manifest.db'));
  expect(whole).toBeGreaterThan(64 * 1024);
  const taken = versions().map(({ id }) => sizeOf(packed(id)) + sizeOf(plain(id)));
  const sum = taken.reduce((all, each) => all + each, 0);
  expect(sum).toBeLessThan(3 * whole);
  const [stats] = expectValidLines((await ibk('stats', '--json')).stdout);
  const { devices = [] } = (stats ?? {}) as { devices?: Record<string, number>[] };
  const [device] = devices;
  expect(device?.['manifests_bytes']).toBe(whole + sum);
  const content = versions().flatMap(({ id }) => filesBelow(join(folderOf(id), 'files')));
  const kept = content.reduce((all, path) => all + sizeOf(path), 0);
  const packedBytes = versions().reduce((all, { id }) => all + sizeOf(packed(id)), 0);
  expect(device?.['history_bytes']).toBe(kept + packedBytes);
  // Any program opens it.
  const [oldest] = versions().slice(-1);
  expect(sha256(gunzipSync(readFileSync(packed(oldest?.id ?? ''))))).toBe(manifests.get(oldest?.id ?? ''));
});

test('each reads as ever: verified, listed, compared, extracted, copied, edited, taken elsewhere', async () => {
  await allWhole();
  for (const { id } of versions()) expect((await ibk('verify', id.slice(-8), '--read-data')).exit).toBe(0);
  const chosen = versions()[6];
  const state = states.get(chosen?.id ?? '') ?? new Map();
  const name = chosen?.id.slice(-8) ?? '';
  expect((await ibk('verify', name)).exit).toBe(0);
  expect((await ibk('list', name)).exit).toBe(0);
  expect((await ibk('info', name)).exit).toBe(0);
  expect((await ibk('find', '*', name)).exit).toBe(0);
  expect((await ibk('diff', 'latest~8', name)).exit).toBeLessThan(2);
  const out = join(home, 'out');
  expect((await ibk('extract', name, '--to', out)).exit).toBe(0);
  const extracted = new Set(filesBelow(out).map((path) => sha256(readFileSync(path))));
  expect([...state].filter(([, sum]) => !extracted.has(sum))).toEqual([]);
  const copy = join(home, 'copy');
  expect((await ibk('copy', name, '--to', copy)).exit).toBe(0);
  expect(sha256(readFileSync(join(copy, 'Manifest.db')))).toBe(manifests.get(chosen?.id ?? ''));
  const other = join(home, 'other-root');
  expect((await ibk('copy', '--all', '--to', other)).exit).toBeLessThan(3);
});

test('forgetting: in the middle, the newest, and the newest again', async () => {
  expect((await ibk('forget', 'latest~4', '--yes')).exit).toBe(0);
  await allWhole();
  // The one that is packed comes out of it when it is needed.
  for (const form of ['plain', 'packed']) {
    const [newest, next] = versions();
    expect(forms()[1]).toBe(form);
    const [before, freed] = [contentBytes(), (await new BackupStore(root, udid()).space()).freedBy([newest?.id ?? ''])];
    expect((await ibk('forget', newest?.id.slice(-8) ?? '', '--yes')).exit).toBe(0);
    expect(before - contentBytes()).toBe(freed);
    expect(versions()[0]?.id).toBe(next?.id);
    expect(sha256(readFileSync(join(root, udid(), 'Manifest.db')))).toBe(manifests.get(next?.id ?? ''));
    expect(existsSync(folderOf(next?.id ?? ''))).toBe(false);
    await allWhole();
  }
  // As ibk left it: no other program was here.
  expect(new BackupStore(root, udid()).history()?.folder).toBe('as_left');
  await change(phone.sim);
  await backUp();
  expect(versions().every(({ origin }) => origin === 'ibk')).toBe(true);
  expect(forms().slice(0, 2)).toEqual(['newest', 'plain']);
  await allWhole();
});

test('without syncs nothing is packed, since a power cut would cost more than the newest', async () => {
  for (const [durability, form] of [
    ['none', 'plain'],
    ['relaxed', 'packed'],
  ] as const) {
    await change(phone.sim);
    await backUp('--durability', durability);
    expect(forms()[2]).toBe(form);
  }
  await allWhole();
});

test('killed while it packs: the next backup does what is left, also where both are there', async () => {
  await change(phone.sim);
  const state = await stateOf(phone.sim);
  const during = { at: 'utimes:1', run: KILL };
  expect((await phone.ibk(['backup', '-q', '-o', root], { during })).exit).toBe(undefined);
  const [made, , third] = versions();
  states.set(made?.id ?? '', state);
  manifests.set(made?.id ?? '', sha256(readFileSync(join(root, udid(), 'Manifest.db'))));
  expect(forms().slice(0, 4)).toEqual(['newest', 'plain', 'plain', 'packed']);
  expect(existsSync(join(folderOf(third?.id ?? ''), 'manifest.part'))).toBe(true);
  await allWhole();
  const fourth = versions()[3]?.id ?? '';
  writeFileSync(plain(fourth), gunzipSync(readFileSync(packed(fourth))));
  expect(forms()[3]).toBe('both');
  await change(phone.sim);
  await backUp();
  expect(forms().slice(0, 5)).toEqual(['newest', 'plain', 'packed', 'packed', 'packed']);
  expect(existsSync(join(folderOf(third?.id ?? ''), 'manifest.part'))).toBe(false);
  await allWhole();
});

test('one that is damaged is named, and the others are not', async () => {
  const [damaged, whole] = versions().slice(-2);
  const [path, name] = [packed(damaged?.id ?? ''), damaged?.id.slice(-8) ?? ''];
  const bytes = readFileSync(path);
  truncateSync(path, Math.floor(bytes.length / 2));
  for (const args of [
    ['verify', name],
    ['verify', name, '--read-data'],
  ]) {
    const ran = await ibk(...args);
    expect([ran.exit, ran.stdout + ran.stderr]).toEqual([13, expect.stringContaining('Manifest.db')]);
  }
  const listed = await ibk('list', name);
  expect([listed.exit, listed.stderr]).toEqual([13, expect.stringContaining('compressed Manifest.db')]);
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8(flipped.readUInt8(2000) ^ 1, 2000);
  writeFileSync(path, flipped);
  expect((await ibk('verify', name)).exit).toBe(13);
  expect((await ibk('verify', whole?.id.slice(-8) ?? '', '--read-data')).exit).toBe(0);
  // A link is not followed, whatever it leads to.
  const elsewhere = join(home, 'elsewhere.gz');
  writeFileSync(elsewhere, bytes);
  rmSync(path);
  symlinkSync(elsewhere, path);
  expect((await ibk('verify', name)).exit).toBe(13);
  rmSync(path);
  writeFileSync(path, bytes);
  expect((await ibk('verify', name, '--read-data')).exit).toBe(0);
});

test('one that no list names goes with prune, and what a killed run was writing with the next start', async () => {
  const forgotten = [...states.keys()].find((id) => !existsSync(folderOf(id)) && id !== versions()[0]?.id) ?? '';
  mkdirSync(folderOf(forgotten));
  writeFileSync(packed(forgotten), 'left');
  const passing = join(folderOf(versions().at(-1)?.id ?? ''), 'manifest.part');
  writeFileSync(passing, 'half');
  expect((await ibk('prune')).exit).toBe(0);
  expect([existsSync(folderOf(forgotten)), existsSync(passing)]).toEqual([false, false]);
  await allWhole();
});

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.map((name) => join(folder, name)).filter((path) => lstatSync(path).isFile());
}
