/**
 * Ten backups of a changing phone, forgotten in random order down to one: after each step the versions that are left are listed, those drawn verify with all
 * their content and read back to what the phone held, and the root holds the newest backup and what changed, to the byte.
 * The one seven steps back is restored to the phone, and at the end what is left.
 * IBK_STORE_ORDERS=200 for the long run, IBK_STORE_SEED for another start.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupStore } from '../../src/backup/store.js';
import { stateOf } from '../support/phone-history.js';
import { Random } from '../support/random.js';
import { runIbk, tempHome } from '../support/run-ibk.js';
import {
  contentBytes,
  contentOf,
  copyRoot,
  idealBytes,
  lastPhone,
  makeTenVersions,
  PASSWORD,
  storedOfAll,
  type TenVersions,
} from '../support/ten-versions.js';

const ORDERS = Number(process.env['IBK_STORE_ORDERS'] ?? 2);
const SEED = Number(process.env['IBK_STORE_SEED'] ?? 1);
/** Versions that are read after each step. */
const CHECKED = 2;
const draw = new Random(SEED);
const place = tempHome();
let ten: TenVersions;
let stored: Awaited<ReturnType<typeof storedOfAll>>;

beforeAll(async () => {
  ten = await makeTenVersions(place);
  stored = await storedOfAll(ten);
}, 120_000);
afterAll(() => rmSync(place, { recursive: true, force: true }));

test(`${ORDERS} random orders of forgetting`, { timeout: 4 * 3600_000 }, async () => {
  const all = [...ten.states.keys()];
  await checkAll(ten.root, all);
  await restored(ten.root, all.at(-8) ?? '', 'latest~7');
  for (let order = 0; order < ORDERS; order++) {
    const random = new Random(SEED + order);
    const root = join(place, `copy-${order}`);
    copyRoot(ten.root, root);
    const left = [...all];
    try {
      while (left.length > 1) {
        const id = random.choice(left);
        using lease = await new BackupStore(root, ten.udid).lease({ command: 'test' });
        await lease.forget(id);
        left.splice(left.indexOf(id), 1);
        await checkAll(root, left, left.length === 1 ? 1 : CHECKED);
      }
    } catch (error) {
      throw new Error(`order ${SEED + order}, ${left.length} left`, { cause: error });
    }
    if (order % 10 === 0) await restored(root, left[0] ?? '');
    rmSync(root, { recursive: true });
  }
});

/** @param most how many versions are read: some are drawn, the oldest and the newest among them now and then */
async function checkAll(root: string, left: readonly string[], most = left.length): Promise<void> {
  const store = new BackupStore(root, ten.udid);
  const listed = store.versions().map(({ id }) => id);
  expect([...listed].reverse()).toEqual(left);
  for (const id of drawn(left, most)) {
    expect(await store.verify(id, { readData: true }), id).toMatchObject({ problems: [], withoutChecksum: 0 });
    expect(await contentOf(root, ten.udid, id), id).toEqual(ten.states.get(id));
  }
  expect(contentBytes(root, ten.udid)).toBe(idealBytes(stored, left));
}

function drawn(ids: readonly string[], most: number): string[] {
  const rest = [...ids];
  while (rest.length > most) rest.splice(draw.below(rest.length), 1);
  return rest;
}

async function restored(root: string, id: string, word = id.slice(-8)): Promise<void> {
  const folder = `${root}-phone`;
  // What is restored to a phone is not undone: each time it is one that has just made its last backup.
  copyRoot(join(place, 'phone'), folder);
  const sim = await lastPhone(folder);
  try {
    const [phone] = sim.phones;
    if (phone === undefined) throw new Error('no phone');
    const back = new Promise<void>((resolve) => phone.once('plugged', () => resolve()));
    const env = { USBMUXD_SOCKET_ADDRESS: sim.listen, IBK_PASSWORD: PASSWORD };
    const ran = await runIbk(place, ['restore', word, '--remove', '--yes', '-o', root], { env });
    expect(ran.exit, ran.stderr).toBe(0);
    await back;
    expect(new Map(await stateOf(sim))).toEqual(ten.states.get(id));
  } finally {
    await sim.close();
  }
}
