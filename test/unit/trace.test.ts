import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/io/clock.js';
import { PlistReal, plistDict } from '../../src/plist/value.js';
import { Redactor } from '../../src/trace/redaction.js';
import { openTraceFile } from '../../src/trace/recorder.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ibk-trace-'));
});
afterAll(() => rm(folder, { recursive: true }));

const redactor = new Redactor(Buffer.alloc(32, 1));
const UDID = '00008120-000A1D2E0C88401E';
const FILE_ID = '3d0d7e5fb2ce288813306e4d4636395e047a3d28';

test('tokens keep the form, are the same within a trace and others in the next', () => {
  expect(redactor.token(UDID)).toMatch(/^[0-9A-F]{8}-[0-9A-F]{16}$/);
  expect(redactor.token(UDID.replace('-', ''))).toBe(redactor.token(UDID).replace('-', ''));
  expect(redactor.token(FILE_ID)).toMatch(/^3d[0-9a-f]{38}$/);
  expect(redactor.token(FILE_ID)).not.toBe(FILE_ID);
  expect(redactor.token("Anna's iPhone")).toHaveLength("Anna's iPhone".length);
  expect(redactor.token('x')).toBe(redactor.token('x'));
  expect(new Redactor(Buffer.alloc(32, 2)).token('x')).not.toBe(redactor.token('x'));
  const path = redactor.path(`${UDID}/Snapshot/3d/${FILE_ID}`);
  expect(path).toMatch(/^[0-9A-F]{8}-[0-9A-F]{16}\/Snapshot\/3d\/3d[0-9a-f]{38}$/);
  expect(redactor.path(`${UDID}/Manifest.db`)).toBe(`${redactor.token(UDID)}/Manifest.db`);
});

test('a lockdown answer keeps what the protocol says and nothing about the person', () => {
  const shape = redactor.shape(
    plistDict({
      Request: 'GetValue',
      Value: plistDict({
        DeviceName: "Anna's iPhone",
        ProductVersion: '17.6',
        PhoneNumber: '+49 151 23456789',
        UniqueChipID: 123456789012345,
        PasswordProtected: true,
        SomeFlag: true,
        DevicePublicKey: Buffer.from('secret'),
      }),
    }),
    { schemaKeys: true },
  );
  const text = JSON.stringify(shape);
  for (const secret of ['Anna', '151', '123456789012345', 'secret']) expect(text).not.toContain(secret);
  expect(shape).toMatchObject({
    Request: 'GetValue',
    Value: {
      ProductVersion: '17.6',
      UniqueChipID: { $: 'integer' },
      PasswordProtected: true,
      SomeFlag: { $: 'boolean' },
      DevicePublicKey: { $: 'data', bytes: 6 },
    },
  });
});

test('an answer about one key is judged by that key', () => {
  const answer = (Key: string, Value: string) =>
    JSON.stringify(redactor.shape(plistDict({ Request: 'GetValue', Key, Value }), { schemaKeys: true }));
  expect(answer('DeviceName', 'Anna')).not.toContain('Anna');
  expect(answer('ProductVersion', '17.6')).toContain('17.6');
});

test('a DeviceLink message keeps its tag, numbers and order; paths are hashed as keys and as values', () => {
  const shape = redactor.shape(
    [
      'DLMessageMoveItems',
      plistDict({ [`Snapshot/3d/${FILE_ID}`]: `3d/${FILE_ID}` }),
      0,
      new PlistReal(12.5),
      plistDict({ 'Media/DCIM/private.jpg': plistDict({ DLFileErrorCode: 4, DLFileErrorString: 'private words' }) }),
    ],
    { schemaKeys: false },
  );
  const text = JSON.stringify(shape);
  expect(text).not.toContain('private');
  expect(text).not.toContain(FILE_ID);
  expect(shape).toMatchObject(['DLMessageMoveItems', {}, 0, { $: 'real', value: 12.5 }, {}]);
  expect(text).toContain('"DLFileErrorCode":4');
});

test('passwords and app names go nowhere', () => {
  const message = [
    'DLMessageProcessMessage',
    plistDict({ MessageName: 'ChangePassword', OldPassword: 'hunter2', NewPassword: 'correct horse', WhatsApp: 1 }),
  ];
  const text = JSON.stringify(redactor.shape(message, { schemaKeys: false }));
  for (const secret of ['hunter2', 'horse', 'WhatsApp']) expect(text).not.toContain(secret);
  expect(text).toContain('ChangePassword');
});

test('the file is private even if it was there before, and holds one object a line', async () => {
  const path = join(folder, 'trace.ndjson');
  await writeFile(path, 'old', { mode: 0o644 });
  const trace = await openTraceFile(path, systemClock);
  const log = trace.open('devicelink', 'com.apple.mobilebackup2');
  log.message('received', 'DLMessageReady', ['DLMessageDeviceReady'], 20);
  log.file('received', { devicePath: '/private/a', hostPath: `${UDID}/3d/${FILE_ID}`, bytes: 5, blocks: 1, code: 0 });
  log.close('done');
  await trace.close();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const lines = (await readFile(path, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map((line) => line.event ?? line.type)).toEqual(['trace', 'open', 'message', 'file', 'close']);
  expect(lines[3]).toMatchObject({ connection: 1, layer: 'devicelink', bytes: 5, code: 0, error: null });
});

test('a file that cannot be made is named', async () => {
  const missing = openTraceFile(join(folder, 'no', 'such', 'folder'), systemClock);
  await expect(missing).rejects.toMatchObject({ code: 'destination', exit: 14 });
});
