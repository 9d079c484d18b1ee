/** What the device sees while it sends: the finished backup with the new files laid over it. The disk is real. */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type DevicePath, resolveDevicePath } from '../../src/backup/device-path.js';
import { IncomingBackup } from '../../src/backup/incoming.js';
import { backupLayout } from '../../src/backup/layout.js';
import { temporaryRoot } from '../support/ibk-backup.js';

const UDID = '00008120-5100000000000001';
const at = (path: string): DevicePath => resolveDevicePath(UDID, `${UDID}/${path}`);
const A = `aa/${'a'.repeat(40)}`;
const B = `bb/${'b'.repeat(40)}`;

async function withBackup(files: Readonly<Record<string, string>> = {}) {
  const root = await temporaryRoot();
  const layout = backupLayout(root.path, UDID);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(layout.folder, path, '..'), { recursive: true });
    await writeFile(join(layout.folder, path), content);
  }
  const incoming = await IncomingBackup.create(layout);
  const read = async (path: string) => {
    const file = await incoming.open(at(path));
    try {
      return String(await file.readFile());
    } finally {
      await file.close();
    }
  };
  const names = async (path: string) => (await incoming.list(at(path))).map(({ name }) => name).sort();
  return { root, layout, incoming, read, names, [Symbol.asyncDispose]: () => root[Symbol.asyncDispose]() };
}

test('a received file stands in front of the old one, which stays as it is', async () => {
  await using t = await withBackup({ [A]: 'old', 'Status.plist': 's' });
  await t.incoming.write(at(A), Buffer.from('new'));
  await t.incoming.write(at(B), Buffer.from('b'));
  expect(await t.read(A)).toBe('new');
  expect(await t.names('')).toEqual(['Status.plist', 'aa', 'bb']);
  expect(await t.names('aa')).toEqual(['a'.repeat(40)]);
  expect(await readFile(join(t.layout.folder, A), 'utf8')).toBe('old');
  const [entry] = await t.incoming.list(at('bb'));
  expect(entry).toMatchObject({ type: 'file', sizeBytes: 1 });
});

test('what is removed is gone from reading and listing, and may come again', async () => {
  await using t = await withBackup({ [A]: 'old', [`aa/${'c'.repeat(40)}`]: 'c' });
  t.incoming.remove(at('aa'));
  t.incoming.remove(at('no/such/thing'));
  await expect(t.read(A)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await t.names('')).toEqual(['no']);
  expect(await t.names('aa')).toEqual([]);
  await t.incoming.write(at(A), Buffer.from('again'));
  expect(await t.names('aa')).toEqual(['a'.repeat(40)]);
});

test('files move out of Snapshot, one by one and as a folder', async () => {
  await using t = await withBackup({ [A]: 'old' });
  await t.incoming.write(at(`Snapshot/${A}`), Buffer.from('new'));
  await t.incoming.write(at(`Snapshot/${B}`), Buffer.from('b'));
  await t.incoming.move(at(`Snapshot/${A}`), at(A));
  expect(await t.read(A)).toBe('new');
  expect(await t.names('Snapshot/aa')).toEqual([]);
  await t.incoming.move(at('Snapshot/bb'), at('bb'));
  expect(await t.read(B)).toBe('b');
  await expect(t.incoming.move(at('Snapshot/none'), at('x'))).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(t.incoming.move(at('bb'), at('bb/inside'))).rejects.toMatchObject({ code: 'EEXIST' });
});

test('old files move and are copied by name: a file, and a folder with all it holds', async () => {
  await using t = await withBackup({ [A]: 'a', [B]: 'b' });
  await t.incoming.move(at(A), at('cc/moved'));
  await t.incoming.copy(at(B), at('cc/copied'));
  await t.incoming.move(at('bb'), at('dd'));
  expect(await t.read('cc/moved')).toBe('a');
  expect(await t.read('cc/copied')).toBe('b');
  expect(await t.read(`dd/${'b'.repeat(40)}`)).toBe('b');
  expect(await t.names('')).toEqual(['aa', 'cc', 'dd']);
  expect(await readFile(join(t.layout.folder, B), 'utf8')).toBe('b');
});

test('a copy is content of its own', async () => {
  await using t = await withBackup();
  await t.incoming.write(at('x'), Buffer.from('one'));
  await t.incoming.copy(at('x'), at('y'));
  await t.incoming.write(at('x'), Buffer.from('two'));
  expect([await t.read('x'), await t.read('y')]).toEqual(['two', 'one']);
});

test('onto a folder: it is replaced with all it held', async () => {
  await using t = await withBackup({ [A]: 'a' });
  await t.incoming.write(at('Snapshot/x'), Buffer.from('x'));
  await t.incoming.move(at('Snapshot/x'), at('aa'));
  expect(await t.read('aa')).toBe('x');
  await expect(t.incoming.write(at('Snapshot'), Buffer.from('x'))).rejects.toMatchObject({ code: 'EISDIR' });
  await expect(t.incoming.write(at('aa/y'), Buffer.from('x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test('names that some disks would merge are refused', async () => {
  await using t = await withBackup();
  await t.incoming.write(at('Note'), Buffer.from('1'));
  await expect(t.incoming.write(at('note'), Buffer.from('2'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(t.read('note')).rejects.toMatchObject({ code: 'ENOENT' });
});

test('litter of desktops is not shown, links are not followed', async () => {
  await using t = await withBackup({ '.DS_Store': '', 'aa/._x': '', 'Thumbs.db': '' });
  await writeFile(join(t.root.path, 'secret'), 'outside');
  await symlink(join(t.root.path, 'secret'), join(t.layout.folder, 'Manifest.db'));
  await symlink(t.root.path, join(t.layout.folder, 'cc'));
  expect(await t.names('aa')).toEqual([]);
  expect((await t.incoming.list(at(''))).map(({ name, type }) => `${name} ${type}`)).toEqual([
    'Manifest.db other',
    'aa directory',
    'cc other',
  ]);
  await expect(t.read('Manifest.db')).rejects.toMatchObject({ code: 'ELOOP' });
  await expect(t.read('cc/secret')).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test('content larger than the buffers arrives whole', async () => {
  await using t = await withBackup();
  const writer = t.incoming.receive();
  const sent: Buffer[] = [];
  for (let part = 0; part < 50; part++) {
    const chunk = Buffer.alloc(77_777 + part, part);
    sent.push(chunk);
    await writer.write(chunk);
  }
  const huge = Buffer.alloc(3_000_000, 0xee);
  await writer.write(huge);
  t.incoming.put(at('big'), await writer.finish());
  const file = await t.incoming.open(at('big'));
  expect((await file.readFile()).equals(Buffer.concat([...sent, huge]))).toBe(true);
  await file.close();
});
