/** A second copy of a backup root by rsync, rclone and restic (the lines of the README): files never change once they are written, and every version is read back from the copy. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Phone, plugIn } from '../support/phone.js';
import { cleanEnvironment, tempHome } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';
import { describeWithTools } from '../support/tools.js';

const home = tempHome();
const root = join(home, 'phones');
/** Versions in the order in which they were made. */
const versions: string[] = [];
let phone: Phone;

afterAll(async () => {
  await phone[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

async function backUp(...options: string[]): Promise<void> {
  const ran = await phone.ibk(['backup', '--json', '-o', root, ...options]);
  expect(ran.exit, ran.stderr).toBe(0);
  versions.push(String(expectValidLines(ran.stdout).at(-1)?.['version']));
}

/** Each version is complete in the copy, every byte against its checksum. */
async function expectWhole(copy: string): Promise<void> {
  for (const version of versions)
    expect(await phone.ibk(['verify', version, '--read-data', '-q', '-o', copy])).toMatchObject({
      exit: 0,
      stderr: '',
    });
}

const run = (file: string, ...args: string[]) =>
  execa(file, args, { env: { ...cleanEnvironment(home), RESTIC_PASSWORD: 'words' }, extendEnv: false, cwd: home });

/** Held open, a file is the same one whatever becomes of its name. */
function holdAll(folder: string) {
  const held = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const fd = openSync(path, 'r');
      return { path: path.slice(folder.length + 1), fd, hash: hashOf(fd) };
    });
  return {
    count: held.length,
    changed: () => held.filter(({ fd, hash }) => hashOf(fd) !== hash).map(({ path }) => path),
    close: () => {
      for (const { fd } of held) closeSync(fd);
    },
  };
}

function hashOf(fd: number): string {
  const bytes = Buffer.alloc(fstatSync(fd).size);
  readSync(fd, bytes, 0, bytes.length, 0);
  return createHash('sha256').update(bytes).digest('hex');
}

beforeAll(async () => {
  phone = await plugIn(home, { files: 40, bytes: 2_000_000, scenarios: ['paired'] });
  await backUp();
}, 60_000);

test('what is written once is never written again, but for the index, which can be made anew', async () => {
  const held = holdAll(root);
  try {
    await phone.sim.phones[0]?.content.mutate({ add: 3, change: 4, remove: 2, rename: 1 });
    await backUp();
    expect(held.count).toBeGreaterThan(40);
    expect(held.changed().filter((path) => !/^\.ibk\/[^/]+\/catalog\.db(-wal|-shm)?$/.test(path))).toEqual([]);
  } finally {
    held.close();
  }
});

describeWithTools('rsync', ['rsync'], () => {
  test('as a hook of the backup', async () => {
    const copy = join(home, 'rsync');
    mkdirSync(copy);
    await phone.sim.phones[0]?.content.mutate({ add: 0, change: 3, remove: 1, rename: 1 });
    await backUp('--on-success', `rsync -a --delete "$IBK_OUT/" '${copy}/'`);
    await expectWhole(copy);
    const again = await run('rsync', '-a', '--delete', '--stats', `${root}/`, `${copy}/`);
    expect(again.stdout).toContain('Number of regular files transferred: 0');
  });
});

describeWithTools('rclone', ['rclone'], () => {
  test('a second run brings what is new', async () => {
    const copy = join(home, 'rclone');
    const sync = ['sync', '--config', '/dev/null', root, copy];
    await run('rclone', ...sync);
    await phone.sim.phones[0]?.content.mutate({ add: 0, change: 3, remove: 1, rename: 1 });
    await backUp();
    await run('rclone', ...sync);
    await expectWhole(copy);
    await run('rclone', 'check', '--config', '/dev/null', root, copy);
  });
});

describeWithTools('restic', ['restic'], () => {
  test('what it has is not stored again, wherever it lies now', async () => {
    const repository = join(home, 'restic');
    writeFileSync(join(home, 'words'), 'words\n');
    const restic = (...args: string[]) => run('restic', '-r', repository, '--no-cache', '--json', ...args);
    await restic('init');
    const added = async () => {
      const { stdout } = await restic('backup', root);
      const last: Record<string, unknown> = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}');
      return Number(last['data_added']);
    };
    const first = await added();
    await phone.sim.phones[0]?.content.mutate({ add: 0, change: 1, remove: 0, rename: 0 });
    await backUp();
    const second = await added();
    expect(first).toBeGreaterThan(1_500_000);
    expect(second).toBeLessThan(first / 3);
    const out = join(home, 'restored');
    await restic('restore', 'latest', '--target', out);
    await expectWhole(join(out, root));
  });
});
