/** Our archives, opened by GNU tar, unzip and Python. */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { bufferedSink, fileSink, gzipSink } from '../../src/output/byte-sink.js';
import type { EntryContent, OutputTarget } from '../../src/output/output-target.js';
import { tarHeader } from '../../src/output/tar-header.js';
import { TarTarget } from '../../src/output/tar-target.js';
import { ZipTarget } from '../../src/output/zip-target.js';
import { contentOf } from '../support/entry-content.js';
import { describeWithTools } from '../support/tools.js';

const folder = mkdtempSync(join(tmpdir(), 'ibk-archives-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const random = createHash('shake256', { outputLength: 2_500_001 }).update('seed').digest();
const DEEP = `${'long folder/'.repeat(30)}file with a name`;

const FILES: readonly (readonly [path: string, bytes: Buffer, mtime: number, mode: number])[] = [
  ['Library/SMS/sms.db', random.subarray(0, 3000), 1_700_000_000, 0o640],
  ['empty', Buffer.alloc(0), 1_000_000_000, 0o644],
  ['Text äöü 📷 日本.txt', Buffer.from('text '.repeat(5000)), 1_700_000_001.25, 0o600],
  [DEEP, Buffer.from('x'), 1_500_000_000, 0o755],
  ['Media/large.mov', random, 1_600_000_002, 0o644],
  ['Media/large.db', Buffer.alloc(3_000_000, 'abc '), 1_600_000_004, 0o644],
  ['exactly.bin', random.subarray(0, 1024), 315_619_200, 0o444],
];

async function write(target: OutputTarget, contents = contentOf as (bytes: Buffer) => EntryContent): Promise<void> {
  await target.folder({ path: 'Library', mode: 0o750, mtime: 1_700_000_000, btime: null });
  for (const [path, bytes, mtime, mode] of FILES)
    await target.file({ path, mode, mtime, btime: null }, contents(bytes));
  await target.link({ path: 'Library/Latest', mode: 0o777, mtime: 1_700_000_000, btime: null }, 'SMS/sms.db');
  await target.finish();
}

function compare(out: string): void {
  for (const [path, bytes, mtime, mode] of FILES) {
    expect(readFileSync(join(out, path)).equals(bytes), path).toBe(true);
    const stat = statSync(join(out, path));
    expect(Math.floor(stat.mtimeMs / 1000), path).toBe(Math.floor(mtime));
    expect(stat.mode & 0o777, path).toBe(mode | 0o600);
  }
  expect(readlinkSync(join(out, 'Library/Latest'))).toBe('SMS/sms.db');
  expect(statSync(join(out, 'Library')).mode & 0o777).toBe(0o750);
}

function fresh(name: string): string {
  const out = join(folder, name);
  mkdirSync(out);
  return out;
}

const PYTHON = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z:
    assert z.testzip() is None
    for i in z.infolist(): print(i.filename, i.file_size, oct(i.external_attr >> 16), sep='\\t')
`;

describeWithTools('tar', ['tar'], () => {
  test.each([
    ['plain.tar', false],
    ['packed.tar.gz', true],
  ])('GNU tar unpacks %s', async (name, packed) => {
    const path = join(folder, name);
    const file = fileSink(path);
    await write(new TarTarget(bufferedSink(packed ? gzipSink(file) : file), 0));
    const out = fresh(`${name}.out`);
    const { stderr } = await execa('tar', ['-xpf', path, '-C', out]);
    expect(stderr).toBe('');
    compare(out);
    const { stdout } = await execa('tar', ['--full-time', '-tvf', path], { env: { TZ: 'UTC', LC_ALL: 'C.UTF-8' } });
    expect(stdout).toContain('2023-11-14 22:13:21.25');
    expect(readdirSync(folder).filter((each) => each.endsWith('.part'))).toEqual([]);
  });

  test('sizes beyond eight gigabytes and dates before 1970', async () => {
    const header = tarHeader({ type: 'file', path: 'big', mode: 0o644, mtime: -86_400, sizeBytes: 9_000_000_000 });
    const listed = await execa('tar', ['--full-time', '-tvf', '-'], {
      input: header,
      reject: false,
      env: { TZ: 'UTC' },
    });
    expect(listed.stdout).toContain('9000000000 1969-12-31 00:00:00');
  });

  test('a file that can be read in part only spoils nothing behind it', async () => {
    const facts = (path: string) => ({ path, mode: 0o644, mtime: 1_700_000_000, btime: null });
    const tar = join(folder, 'broken.tar');
    const target = new TarTarget(bufferedSink(fileSink(tar)), 0);
    await expect(target.file(facts('broken'), contentOf(random, { failsAt: 1_000_000 }))).rejects.toThrow('damaged');
    await target.file(facts('whole'), contentOf(random));
    await target.finish();
    const out = fresh('broken.out');
    await execa('tar', ['-xf', tar, '-C', out]);
    expect(readFileSync(join(out, 'whole')).equals(random)).toBe(true);
  });
});

describeWithTools('zip', ['unzip', 'python3'], () => {
  test('unzip and Python open it', async () => {
    const path = join(folder, 'all.zip');
    await write(new ZipTarget(bufferedSink(fileSink(path)), 0));
    expect((await execa('unzip', ['-tqq', path])).stderr).toBe('');
    const out = fresh('zip.out');
    await execa('unzip', ['-qq', path, '-d', out], { env: { LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' } });
    compare(out);
    expect(lstatSync(join(out, 'Library/Latest')).isSymbolicLink()).toBe(true);
    const { stdout } = await execa('python3', ['-c', PYTHON, path]);
    expect(stdout.split('\n')).toContain('Text äöü 📷 日本.txt\t25000\t0o100600');
    expect(stdout.split('\n')).toHaveLength(FILES.length + 2);
  });

  test('more than 65,535 files, and sizes that are only known later', async () => {
    const many = join(folder, 'many.zip');
    const target = new ZipTarget(bufferedSink(fileSink(many)), 1_700_000_000);
    const content = contentOf(Buffer.from('x'));
    for (let n = 0; n < 66_000; n++) await target.file({ path: `f${n}`, mode: 0o644, mtime: 0, btime: null }, content);
    await target.finish();
    const count = 'import sys,zipfile; print(len(zipfile.ZipFile(sys.argv[1]).namelist()))';
    expect((await execa('python3', ['-c', count, many])).stdout).toBe('66000');

    // As far as anybody knows these may be larger than 4 GiB: the descriptor has 64 bits.
    const path = join(folder, 'large.zip');
    await write(new ZipTarget(bufferedSink(fileSink(path)), 0), (bytes) => contentOf(bytes, { storedBytes: 5e9 }));
    expect((await execa('unzip', ['-tqq', path])).exitCode).toBe(0);
    await execa('python3', ['-c', PYTHON, path]);
  });

  test('a file that can be read in part only spoils nothing behind it', async () => {
    const zip = join(folder, 'broken.zip');
    const target = new ZipTarget(bufferedSink(fileSink(zip)), 0);
    const facts = (path: string) => ({ path, mode: 0o644, mtime: 1_700_000_000, btime: null });
    await expect(target.file(facts('broken'), contentOf(random, { failsAt: 1_000_000 }))).rejects.toThrow('damaged');
    await target.file(facts('whole'), contentOf(random));
    await target.finish();
    expect((await execa('unzip', ['-tqq', zip])).exitCode).toBe(0);
  });
});
