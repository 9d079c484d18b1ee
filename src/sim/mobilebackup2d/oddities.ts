/** Requests that an ordinary backup does not make, for the scenarios that want them. All files lie in Snapshot and go with it. */
import { PLACEHOLDER } from './device-link.js';
import { fileIdOf } from '../backup-set/record.js';
import { playAttack } from './attacks.js';
import { FinalAnswer, ProtocolViolation } from './endings.js';
import { putMalformed } from './malformed.js';
import { MemoryTarget } from './download-targets.js';
import type { BackupSession } from './session.js';

const MANY = 10_000;
const DEPTH = 5;
/** Names like those of real payload files. */
const ONE = `Snapshot/11/${'1'.repeat(40)}`;
const TWO = `Snapshot/22/${'2'.repeat(40)}`;
const THREE = `Snapshot/33/${'3'.repeat(40)}`;

/** Plays what the scenarios ask for, between the creation of Snapshot and the first payload file. */
export async function playOddities(session: BackupSession): Promise<void> {
  const { scenarios } = session.phone;
  const bad = scenarios.value('bad-message');
  if (bad !== undefined) await playBadMessage(session, bad);
  if (scenarios.has('ping')) await session.link.send(['DLMessagePing', PLACEHOLDER]);
  if (scenarios.has('unknown-message')) await playUnknown(session);
  if (scenarios.has('endless-listing')) await playEndlessListing(session);
  if (scenarios.has('zero-file-batch')) await put(session, []);
  if (scenarios.has('empty-download')) await session.disk.download([], 1);
  if (scenarios.has('missing-among-many')) await playMissing(session);
  for (const how of scenarios.values('move')) await playMove(session, how);
  for (const how of scenarios.values('remove')) await playRemove(session, how);
  for (const how of scenarios.values('copy')) await playCopy(session, how);
  for (const scenario of scenarios.values('attack')) await playAttack(session, scenario);
}

async function playBadMessage({ link }: BackupSession, how: string): Promise<void> {
  putMalformed(link, how);
  await link.output.flush();
  // There is no right answer: the computer should close, or disconnect.
  const { name } = await link.receive();
  if (name !== 'DLMessageDisconnect') throw new ProtocolViolation(`a malformed message was answered with ${name}`);
  throw new FinalAnswer(1, 'The computer disconnected (MBErrorDomain/1)');
}

async function playUnknown({ link, phone }: BackupSession): Promise<void> {
  const { code } = await link.request(['DLMessageFoo', 'bar']);
  if (code === 0) phone.violation('DLMessageFoo was answered with success');
}

async function playEndlessListing({ disk, phone, faults }: BackupSession): Promise<void> {
  const times = faults.count('endless-listing') ?? 0;
  for (let i = 0; i < times; i += 1) await disk.list(phone.udid);
}

/** Uploads small files: [path below the phone's folder, content]. */
async function put(session: BackupSession, files: readonly (readonly [path: string, text: string])[]): Promise<void> {
  const totalBytes = files.reduce((sum, [, text]) => sum + text.length, 0);
  const { code } = await session.disk.upload({ percent: 1, totalBytes }, async (stream) => {
    for (const [path, text] of files) {
      const chunks = text === '' ? [] : [Buffer.from(text)];
      await stream.file({ devicePath: `/var/tmp/${path}`, hostPath: session.hostPath(path), chunks });
    }
  });
  if (code !== 0) throw new ProtocolViolation(`an upload of ${files.length} files was answered with ${code}`);
}

async function makeFolder(session: BackupSession, path: string): Promise<void> {
  const { code } = await session.disk.createDirectory(session.hostPath(path));
  if (code !== 0) throw new ProtocolViolation(`CreateDirectory ${path} was answered with ${code}`);
}

/** @throws ProtocolViolation unless the file holds exactly `text` (undefined: does not exist) */
async function expectFile(session: BackupSession, path: string, text: string | undefined): Promise<void> {
  const target = new MemoryTarget(session.hostPath(path));
  const { received } = await session.disk.download([target], 1);
  const found = received.has(target.path) ? target.bytes.toString('utf8') : undefined;
  if (found !== text)
    throw new ProtocolViolation(`${path} holds ${JSON.stringify(found)}, not ${JSON.stringify(text)}`);
}

async function playMissing(session: BackupSession): Promise<void> {
  for (const folder of ['11', '33']) await makeFolder(session, `Snapshot/${folder}`);
  await put(session, [
    [ONE, 'one'],
    [THREE, 'three'],
  ]);
  const paths = [ONE, TWO, THREE];
  const targets = paths.map((path) => new MemoryTarget(session.hostPath(path)));
  const { received, failed } = await session.disk.download(targets, 1);
  // idevicebackup2 stops at the missing file; going on to the third is right as well.
  const fine = received.has(session.hostPath(ONE)) && failed.has(session.hostPath(TWO));
  if (!fine) throw new ProtocolViolation('a missing file among others was not answered as such');
}

async function move(session: BackupSession, from: string, to: string): Promise<number> {
  return (await session.disk.move([[session.hostPath(from), session.hostPath(to)]], 1)).code;
}

async function playMove(session: BackupSession, how: string): Promise<void> {
  const folder = `Snapshot/move-${how}`;
  await makeFolder(session, folder);
  await put(session, [[`${folder}/source`, 'new']]);
  switch (how) {
    case 'existing-file':
      await put(session, [[`${folder}/target`, 'old']]);
      expectCode(await move(session, `${folder}/source`, `${folder}/target`), how);
      return expectFile(session, `${folder}/target`, 'new');
    case 'existing-directory':
      await makeFolder(session, `${folder}/target`);
      expectCode(await move(session, `${folder}/source`, `${folder}/target`), how);
      return expectFile(session, `${folder}/target`, 'new');
    case 'full-directory': {
      // Replacing the tree and refusing are both known; either way nothing may be half done.
      await makeFolder(session, `${folder}/target`);
      await put(session, [[`${folder}/target/inside`, 'old']]);
      const replaced = (await move(session, `${folder}/source`, `${folder}/target`)) === 0;
      return replaced
        ? expectFile(session, `${folder}/target`, 'new')
        : expectFile(session, `${folder}/target/inside`, 'old');
    }
    case 'directory':
      await makeFolder(session, `${folder}/tree`);
      await put(session, [[`${folder}/tree/leaf`, 'leaf']]);
      expectCode(await move(session, `${folder}/tree`, `${folder}/moved`), how);
      return expectFile(session, `${folder}/moved/leaf`, 'leaf');
    case 'missing-parent': {
      // idevicebackup2 does not make the parent; a computer that says 0 must have.
      const code = await move(session, `${folder}/source`, `${folder}/no/such/parent/target`);
      return code === 0 ? expectFile(session, `${folder}/no/such/parent/target`, 'new') : undefined;
    }
    case 'missing-source':
      return void (await move(session, `${folder}/nothing`, `${folder}/target`));
    default:
      return playManyMoves(session);
  }
}

async function playManyMoves(session: BackupSession): Promise<void> {
  const [folder, target] = ['Snapshot/fe', 'Snapshot/ff'];
  const names = Array.from({ length: MANY }, (_, i) => fileIdOf('Oddity', `file ${i}`));
  await makeFolder(session, folder);
  await makeFolder(session, target);
  await put(
    session,
    names.map((name) => [`${folder}/${name}`, ''] as const),
  );
  const pairs = names.map(
    (name) => [session.hostPath(`${folder}/${name}`), session.hostPath(`${target}/${name}`)] as const,
  );
  expectCode((await session.disk.move(pairs, 1)).code, `${MANY} pairs`);
  const listed = await session.disk.list(session.hostPath(target));
  const missing = names.filter((name) => !listed.has(name)).length;
  if (missing > 0) throw new ProtocolViolation(`after moving ${MANY} files ${missing} are not listed`);
}

async function playRemove(session: BackupSession, how: string): Promise<void> {
  if (how === 'missing') {
    const { code } = await session.disk.remove([session.hostPath('Snapshot/never was there')], 1);
    return expectCode(code, 'removing a missing path');
  }
  // Real phones nest three deep: a computer may have its limits.
  const levels = Array.from({ length: DEPTH }, (_, i) => `level-${i}`);
  for (let depth = 1; depth <= levels.length; depth += 1) {
    await makeFolder(session, `Snapshot/${levels.slice(0, depth).join('/')}`);
  }
  await put(session, [[`Snapshot/${levels.join('/')}/leaf`, 'leaf']]);
  expectCode((await session.disk.remove([session.hostPath('Snapshot/level-0')], 1)).code, 'removing a deep tree');
  const listed = await session.disk.list(session.hostPath('Snapshot'));
  if (listed.has('level-0')) throw new ProtocolViolation('a removed tree is still listed');
}

async function playCopy(session: BackupSession, how: string): Promise<void> {
  const copy = (from: string, to: string) => session.disk.copy(session.hostPath(from), session.hostPath(to), 1);
  if (how === 'file') {
    for (const folder of ['11', '33']) await makeFolder(session, `Snapshot/${folder}`);
    await put(session, [[ONE, 'content']]);
    expectCode((await copy(ONE, THREE)).code, 'copying a file');
    await expectFile(session, ONE, 'content');
    return expectFile(session, THREE, 'content');
  }
  await makeFolder(session, 'Snapshot/tree');
  await makeFolder(session, 'Snapshot/tree/branch');
  await put(session, [['Snapshot/tree/branch/leaf', 'leaf']]);
  expectCode((await copy('Snapshot/tree', 'Snapshot/tree copy')).code, 'copying a directory');
  return expectFile(session, 'Snapshot/tree copy/branch/leaf', 'leaf');
}

function expectCode(code: number, what: string): void {
  if (code !== 0) throw new ProtocolViolation(`${what} was answered with ${code}`);
}
