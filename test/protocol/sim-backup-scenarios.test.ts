import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { buildBinaryPlist } from '../../src/plist/codec.js';
import { type PlistDict, PlistReal, type PlistValue, plistDict } from '../../src/plist/value.js';
import { checkBackupScenarios } from '../../src/sim/mobilebackup2d/faults.js';
import { ScenarioSet } from '../../src/sim/scenario.js';
import { readBackup } from '../support/backup-reader.js';
import { type BenchOptions, PhoneBench } from '../support/phone-bench.js';

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanUp.splice(0)) clean();
});

function bench(options: BenchOptions = {}): PhoneBench {
  const made = new PhoneBench({ content: { files: 70, bytes: 500_000 }, ...options });
  cleanUp.push(() => made.remove());
  return made;
}

function names(messages: readonly PlistValue[][]): string[] {
  return messages.map(([name]) => String(name));
}

function allFiles(folder: string, prefix = ''): string[] {
  return readdirSync(join(folder, prefix)).flatMap((name) => {
    const path = join(prefix, name);
    return statSync(join(folder, path)).isDirectory() ? allFiles(folder, path) : [path];
  });
}

describe('the order of a backup', () => {
  test('first messages of a full backup, iOS 17', async () => {
    const b = bench();
    const { messages } = await b.backup();
    expect(messages.slice(0, 7).map((m) => (m[0] === 'DLContentsOfDirectory' ? m.slice(0, 2) : m))).toMatchObject([
      ['DLMessageVersionExchange', 400, 0],
      ['DLMessageDeviceReady'],
      ['DLMessageProcessMessage', { MessageName: 'Response', ErrorCode: 0, ProtocolVersion: new PlistReal(2.1) }],
      ['DLMessageDownloadFiles', [`${b.phone.udid}/Status.plist`], {}, new PlistReal(0), 0],
      ['DLContentsOfDirectory', `${b.phone.udid}/Snapshot`],
      ['DLContentsOfDirectory', b.phone.udid],
      ['DLMessageGetFreeDiskSpace'],
    ]);
    expect(b.notifications).toEqual([
      'com.apple.LocalAuthentication.ui.presented',
      'com.apple.LocalAuthentication.ui.dismissed',
    ]);
    for (const message of messages.filter(([name]) => name === 'DLMessageUploadFiles')) {
      expect(message[2]).toBeInstanceOf(PlistReal);
    }
  });

  test('iOS 9 uses the old names, reads nothing back and asks for no passcode', async () => {
    const b = bench({ ios: '9' });
    const { messages } = await b.backup();
    expect(messages[0]).toEqual(['DLMessageVersionExchange', 300, 0]);
    expect(names(messages)).toContain('DLMessageMoveFiles');
    expect(names(messages)).toContain('DLMessageRemoveFiles');
    expect(names(messages).filter((name) => name === 'DLMessageDownloadFiles')).toHaveLength(1);
    expect(b.notifications).toEqual([]);
  });

  test.each(['9', '17'] as const)('two backups of one state are equal byte for byte, iOS %s', async (ios) => {
    const b = bench({ ios, password: 'secret' });
    const other = mkdtempSync(join(tmpdir(), 'ibk-test-phone-'));
    cleanUp.push(() => rmSync(other, { recursive: true, force: true }));
    await b.backup();
    await b.backup({}, {}, other);
    await b.phone.content.mutate({ add: 3, change: 3, remove: 3, rename: 3 });
    await b.backup({ full: true });
    await b.backup({}, {}, other);
    expect(b.phone.stats).toMatchObject({ fullBackups: 3, incrementalBackups: 1 });
    const paths = allFiles(b.folder).sort();
    expect(allFiles(join(other, b.phone.udid)).sort()).toEqual(paths);
    const differ = paths.filter(
      (path) => !readFileSync(join(b.folder, path)).equals(readFileSync(join(other, b.phone.udid, path))),
    );
    expect(differ.filter((path) => !['Status.plist', 'Manifest.plist'].includes(path))).toEqual([]);
  });

  test('nothing changed: only status and manifests are sent again', async () => {
    const b = bench();
    await b.backup();
    const { uploads, response } = await b.backup();
    expect(response).toMatchObject({ ErrorCode: 0 });
    expect(uploads.map((path) => path.slice(path.lastIndexOf('/') + 1))).toEqual([
      'Status.plist',
      'Manifest.plist',
      'Manifest.db',
      'Status.plist',
      'Status.plist',
      'Status.plist',
    ]);
  });

  test.each([
    ['forced', { full: true }, () => undefined],
    ['Manifest.db lost', {}, (folder: string) => rmSync(join(folder, 'Manifest.db'))],
    ['Manifest.db damaged', {}, (folder: string) => writeFileSync(join(folder, 'Manifest.db'), 'x'.repeat(5000))],
    ['Status.plist damaged', {}, (folder: string) => writeFileSync(join(folder, 'Status.plist'), 'x')],
  ])('a full backup over an old one: %s', async (_name, options, damage) => {
    const b = bench();
    await b.backup();
    await b.phone.content.mutate({ add: 1, change: 1, remove: 4, rename: 1 });
    damage(b.folder);
    expect((await b.backup(options)).response).toMatchObject({ ErrorCode: 0 });
    expect(b.phone.stats.fullBackups).toBe(2);
    const read = readBackup(b.folder);
    expect(read.problems).toEqual([]);
    expect(read.tree).toEqual({ ...(await b.phone.content.tree(false)) });
  });

  test('encryption turned on makes the next backup a full one', async () => {
    const b = bench();
    await b.backup();
    b.phone.encryption = { password: 'new' };
    await b.backup();
    expect(b.phone.stats.fullBackups).toBe(2);
    expect(readBackup(b.folder, 'new').problems).toEqual([]);
  });

  test('an empty Manifest.plist ends the backup with 205 and 11', async () => {
    const b = bench();
    await b.backup();
    writeFileSync(join(b.folder, 'Manifest.plist'), '');
    const { response } = await b.backup({ full: true });
    expect(response).toMatchObject({ ErrorCode: 205 });
    expect(response?.ErrorDescription).toContain('MBErrorDomain/11');
  });
});

describe('scenarios that a computer must survive', () => {
  test.each([
    'progress=missing',
    'progress=integer',
    'progress=backwards',
    'zero-file-batch',
    'empty-download',
    'missing-among-many',
    'move=existing-file',
    'move=existing-directory',
    'move=full-directory',
    'move=directory',
    'move=missing-parent',
    'move=missing-source',
    'move=10000',
    'remove=missing',
    'remove=deep',
    'copy=file',
    'copy=directory',
    'unknown-message',
    'ping',
    'endless-listing=20',
    'chunk=1',
    'data-frame=1',
    'read-state-at-once',
    'status-in-root',
    'devicelink-version=500',
    'manifest-bytes=3M',
    'manifest-upload-error',
    'even-sizes',
    'huge-file=9M',
    'silent=scan:0',
  ])('%s: the backup succeeds', async (scenario) => {
    const b = bench({ scenarios: [scenario], content: { files: 20, bytes: 50_000 } });
    const { response } = await b.backup();
    expect(b.violations).toEqual([]);
    expect(response).toMatchObject({ ErrorCode: 0 });
    expect(readBackup(b.folder).problems).toEqual([]);
    if (scenario === 'move=10000') return;
    expect((await b.backup()).response).toMatchObject({ ErrorCode: 0 });
    expect(b.phone.stats.incrementalBackups).toBe(1);
  });

  test.each([
    ['first', '11 Input/output error (5)'],
    ['data:3', '11 Input/output error (5)'],
    ['unknown', '127 '],
  ])('file-error=%s', async (how, text) => {
    const b = bench({ scenarios: [`file-error=${how}`] });
    const { response, failures } = await b.backup();
    expect(response).toMatchObject({ ErrorCode: 0 });
    expect(failures.size).toBe(how === 'data:3' ? 3 : 1);
    expect([...failures.values()][0]).toBe(text);
    const ids = [...failures.keys()].map((path) => path.slice(-40));
    expect(readBackup(b.folder, undefined, ids).problems).toEqual([]);
    // The manifest names them, so the next backup of a phone that has recovered must send them.
    b.phone.scenarios = ScenarioSet.none;
    await b.backup();
    expect(readBackup(b.folder).problems).toEqual([]);
  });

  test.each([
    ['final=1', 1],
    ['final=104', 104],
    ['final=205', 205],
    ['final=207', 207],
    ['final=211', 211],
    ['final=212', 212],
    ['final=205:scan', 205],
    ['low-space', 105],
    ['passcode-refused', 208],
  ])('%s', async (scenario, code) => {
    const b = bench({ scenarios: [scenario] });
    const { response, messages } = await b.backup();
    expect(response).toMatchObject({ MessageName: 'Response', ErrorCode: code });
    expect(response?.ErrorDescription).toContain(`(MBErrorDomain/${code})`);
    expect(b.violations).toEqual([]);
    if (scenario === 'low-space') {
      const purge = messages.find(([name]) => name === 'DLMessagePurgeDiskSpace');
      expect(purge?.[2]).toBe(4);
    }
  });

  test('low space before iOS 14: no purge request', async () => {
    const b = bench({ ios: '12', scenarios: ['low-space'] });
    const { response, messages } = await b.backup();
    expect(response).toMatchObject({ ErrorCode: 105 });
    expect(names(messages)).not.toContain('DLMessagePurgeDiskSpace');
  });

  test('the purge request asks for the deficit and 2 GiB more', async () => {
    const b = bench();
    const { messages } = await b.backup({}, { freeBytes: 1000n });
    const purge = messages.find(([name]) => name === 'DLMessagePurgeDiskSpace');
    const stored = Object.values(await b.phone.content.tree(false)).reduce((sum, { size }) => sum + size, 0);
    expect(purge?.[1]).toBe(stored + 128 * 2 ** 20 - 1000 + 2 * 2 ** 30);
  });

  test.each(['connect', 'passcode', 'scan', 'receive', 'finish'])('cut=%s', async (phase) => {
    const b = bench({ scenarios: [`cut=${phase}`] });
    expect((await b.backup()).response).toBeUndefined();
    expect(b.unplugged).toBe(1);
    expect(b.phone.stats.endings).toEqual([phase === 'receive' ? 'link lost' : 'cable pulled']);
  });

  test('cut-after-bytes', async () => {
    const b = bench({ scenarios: ['cut-after-bytes=20000'] });
    expect((await b.backup()).response).toBeUndefined();
    expect(b.unplugged).toBe(1);
  });

  test.each(['passcode', 'scan', 'receive', 'finish'])('cancel=%s', async (phase) => {
    const b = bench({ scenarios: [`cancel=${phase}`] });
    // The bench's computer does not listen to notifications; it closes when told to by the test.
    const backup = b.connect(async (host) => {
      const running = host.backup(b.phone.udid);
      await expect.poll(() => b.notifications).toContain('com.apple.itunes-client.syncCancelRequest');
      host.send(['DLMessageDisconnect', '___EmptyParameterString___']);
      return running;
    });
    expect((await backup).response).toBeUndefined();
    expect(b.phone.stats.endings).toEqual(['cancelled on the phone']);
    expect(b.violations).toEqual([]);
  });

  test.each(['eof', 'disconnect'])('no-response=%s', async (how) => {
    const b = bench({ scenarios: [`no-response=${how}`] });
    const { response, messages } = await b.backup();
    expect(response).toBeUndefined();
    expect(names(messages).at(-1) === 'DLMessageDisconnect').toBe(how === 'disconnect');
    expect(b.phone.stats.endings).toEqual([how]);
  });

  test('silence lasts as long as the clock says', async () => {
    const slept: number[] = [];
    const clock = {
      now: () => 1_800_000_000_000,
      monotonic: () => 0,
      sleep: async (ms: number) => void slept.push(ms),
    };
    const never = { ...clock, sleep: (ms: number) => (ms === 300_000 ? clock.sleep(ms) : new Promise<void>(() => {})) };
    const b = bench({ scenarios: ['silent=receive:300'], clock: never });
    expect((await b.backup()).response).toMatchObject({ ErrorCode: 0 });
    expect(slept).toEqual([300_000]);
  });

  test.each(['parent', 'parent-inside:mkdir', 'other-device:upload', 'ibk-folder:move-to', 'parent:download'])(
    'attack=%s: a computer that follows is found out',
    async (scenario) => {
      const b = bench({ scenarios: [`attack=${scenario}`] });
      if (scenario.endsWith('download')) writeFileSync(join(b.root, 'escaped.txt'), 'outside');
      const inside = mkdtempSync(join(b.root, 'inside-'));
      await b.backup({}, {}, inside);
      expect(b.violations.join()).toMatch(/the computer accepted/);
    },
  );

  test('an attack that is refused is no violation', async () => {
    const b = bench({ scenarios: ['attack=parent:mkdir'] });
    const refuse = (message: readonly PlistValue[]) =>
      message[1] === '../escaped.txt' ? ['DLMessageStatusResponse', -1, 'unsafe', plistDict()] : undefined;
    expect((await b.backup({}, { answer: refuse })).response).toMatchObject({ ErrorCode: 0 });
    expect(b.violations).toEqual([]);
  });

  test.each(['Extract', 'MoveBackup'])('%s is not played', async (name) => {
    const b = bench();
    const request = plistDict({ MessageName: name, TargetIdentifier: b.phone.udid });
    const { response } = await b.connect((host) => host.run(request));
    expect(response).toMatchObject({ ErrorCode: 1 });
    expect(response?.ErrorDescription).toContain(`does not play ${name}`);
  });
});

describe('what a real phone would not accept', () => {
  const status = (code: PlistValue, text: PlistValue, payload?: PlistValue): PlistValue[] =>
    payload === undefined ? ['DLMessageStatusResponse', code, text] : ['DLMessageStatusResponse', code, text, payload];
  const to = (name: string, answer: PlistValue[]) => (message: readonly PlistValue[]) =>
    message[0] === name ? answer : undefined;
  const EMPTY = '___EmptyParameterString___';
  const u32 = (n: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(n);
    return bytes;
  };

  test.each([
    ['three elements', to('DLMessageCreateDirectory', status(0, EMPTY)), /a status of 3 elements/],
    ['a code that is no integer', to('DLMessageCreateDirectory', status('0', EMPTY, plistDict())), /no integer/],
    ['a real code', to('DLMessageCreateDirectory', status(new PlistReal(0), EMPTY, plistDict())), /no integer/],
    ['a text that is none', to('DLMessageCreateDirectory', status(0, 1, plistDict())), /no string/],
    ['an array as payload', to('DLMessageCreateDirectory', status(0, EMPTY, [])), /no dictionary/],
    [
      'another name',
      to('DLMessageCreateDirectory', ['DLMessageFoo', 0, EMPTY, plistDict()]),
      /answered with DLMessageFoo/,
    ],
    ['free space as a dictionary', to('DLMessageGetFreeDiskSpace', status(0, EMPTY, plistDict())), /no integer/],
    ['free space as a real', to('DLMessageGetFreeDiskSpace', status(0, EMPTY, new PlistReal(1e12))), /no integer/],
    [
      'a listing without types',
      to('DLContentsOfDirectory', status(0, EMPTY, plistDict({ x: plistDict() }))),
      /DLFileType/,
    ],
  ])('status: %s', async (_name, answer, violation) => {
    const b = bench();
    const { response } = await b.backup({}, { answer });
    expect(response).toBeUndefined();
    expect(b.violations).toHaveLength(1);
    expect(b.violations[0]).toMatch(violation);
  });

  test.each([
    ['another path', () => Buffer.concat([u32(3), Buffer.from('x/y'), u32(1), Buffer.from([0]), u32(0)]), /instead of/],
    ['a frame of length 0', (path: Buffer) => Buffer.concat([u32(path.length), path, u32(0)]), /length 0/],
    [
      'a data frame above 32 KiB',
      (path: Buffer) => Buffer.concat([u32(path.length), path, u32(32_770), Buffer.from([0x0c])]),
      /32770 bytes/,
    ],
    [
      'an unknown code',
      (path: Buffer) => Buffer.concat([u32(path.length), path, u32(1), Buffer.from([0x33])]),
      /frame code 51/,
    ],
    [
      'no file at all',
      () => Buffer.concat([u32(0), frame(['DLMessageStatusResponse', 0, EMPTY, plistDict()])]),
      /1 files were not sent/,
    ],
  ])('file stream: %s', async (_name, bytes, violation) => {
    const b = bench();
    await b.backup({}, { downloadBytes: ([path = '']) => bytes(Buffer.from(path)) });
    expect(b.violations.join()).toMatch(violation);
  });

  test('Hello with integers', async () => {
    const b = bench();
    await b.backup({}, { helloVersions: [2, new PlistReal(2.1)] });
    expect(b.violations.join()).toMatch(/not all reals/);
  });

  test('the wrong phone', async () => {
    const b = bench();
    await b.connect((host) => host.backup('0000'));
    expect(b.violations.join()).toMatch(/TargetIdentifier/);
  });

  test('-13 that does not name the path as it was asked for', async () => {
    const b = bench();
    let downloads = 0;
    const path = `${b.phone.udid}/Status.plist`;
    const downloadBytes = () => {
      downloads += 1;
      const error = plistDict({ DLFileErrorString: 'No such file', DLFileErrorCode: -6 });
      const message: PlistDict = plistDict({ [path.toLowerCase()]: error });
      return Buffer.concat([
        u32(path.length),
        Buffer.from(path),
        u32(1),
        Buffer.from([6]),
        u32(0),
        frame(['DLMessageStatusResponse', -13, 'Multi status', message]),
      ]);
    };
    await b.backup({}, { downloadBytes });
    expect(downloads).toBe(1);
    expect(b.violations.join()).toMatch(/status -13 names/);
  });

  test('an untruthful listing ends with 205', async () => {
    const b = bench();
    const hidden = (message: readonly PlistValue[]) =>
      message[0] === 'DLContentsOfDirectory' && /\/[0-9a-f]{2}$/.test(String(message[1]))
        ? ['DLMessageStatusResponse', 0, EMPTY, plistDict()]
        : undefined;
    expect((await b.backup({}, { answer: hidden })).response).toMatchObject({ ErrorCode: 205 });
  });

  test('a full disk ends with 105', async () => {
    const b = bench();
    const full = (message: readonly PlistValue[]) =>
      message[0] === 'DLMessageUploadFiles' && Number(message[3]) > 100_000
        ? status(-15, 'No space left', plistDict())
        : undefined;
    expect((await b.backup({}, { answer: full })).response).toMatchObject({ ErrorCode: 105 });
    expect(b.violations).toEqual([]);
  });

  function frame(message: PlistValue[]): Buffer {
    const body = buildBinaryPlist(message);
    return Buffer.concat([u32(body.length), body]);
  }
});

test.each([
  'silent=scan',
  'silent=dinner:5',
  'final=x',
  'final=205:dinner',
  'file-error=sometimes',
  'chunk=0',
  'manifest-bytes=lots',
])('the scenario %s is refused', (scenario) => {
  expect(() => checkBackupScenarios(ScenarioSet.parse([scenario]))).toThrow(expect.objectContaining({ code: 'usage' }));
});

test('a computer that leaves during the passcode prompt ends the prompt', async () => {
  const asked: AbortSignal[] = [];
  const b = bench();
  b.phone.askPasscode = (signal) => {
    asked.push(signal);
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(false)));
  };
  await b.connect(async (host) => {
    const running = host.backup(b.phone.udid);
    await expect.poll(() => asked.length).toBe(1);
    host.send(['DLMessageDisconnect', '___EmptyParameterString___']);
    host.close();
    return running;
  });
  expect(b.phone.stats).toMatchObject({ endings: ['host disconnected'], finalCodes: [] });
});

test('switching the phone off ends the service at once', async () => {
  const b = bench({ passcode: () => new Promise(() => {}), scenarios: ['silent=scan:1000'], ios: '12' });
  const { response } = await b.connect(async (host) => {
    const running = host.backup(b.phone.udid);
    await expect.poll(() => b.phone.stats.sent.DLContentsOfDirectory).toBe(2);
    b.switchOff.abort();
    return running;
  });
  expect(response).toBeUndefined();
  expect(b.phone.stats.endings).toEqual(['switched off']);
});
