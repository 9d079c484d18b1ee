/** The examples of docs/library.md as they stand, each a module, in one process, over the backup of a simulated phone. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backupWithRetries, createContext, selectDevices } from '../../src/index.js';
import { startSimulator } from '../../src/sim/index.js';

const FILES = {
  'HomeDomain/Library/Notes/notes.txt': 'remember the milk\n',
  'CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG': 'no picture, but its place',
};
const place = mkdtempSync(join(tmpdir(), 'ibk-examples-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

beforeAll(async () => {
  for (const [path, content] of Object.entries(FILES)) {
    mkdirSync(dirname(join(place, 'phone', path)), { recursive: true });
    writeFileSync(join(place, 'phone', path), content);
  }
  await using sim = await startSimulator({
    contentFolder: join(place, 'phone'),
    encryption: { password: 'correct horse' },
    scenarios: ['paired'],
  });
  const context = createContext({ usbmuxd: sim.listen });
  const [device] = await selectDevices(context, { udids: [], link: 'any' });
  if (device === undefined) throw new Error('no device');
  await backupWithRetries(context, device, { root: join(place, 'backups'), full: false, retries: 0 });
});

function run(): string {
  const text = readFileSync(new URL('../../docs/library.md', import.meta.url), 'utf8');
  const examples = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) =>
    code.replaceAll("'/backups'", `'${place}/backups'`).replaceAll("'/elsewhere", `'${place}/elsewhere`),
  );
  const modules = join(place, 'modules');
  mkdirSync(join(modules, 'node_modules'), { recursive: true });
  mkdirSync(join(place, 'elsewhere'));
  symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), join(modules, 'node_modules/ibk'));
  writeFileSync(join(modules, 'package.json'), '{ "type": "module" }');
  const names = examples.map((code, index) => {
    const name = code.includes('export function choose') ? 'choose.js' : `${index}.js`;
    writeFileSync(join(modules, name), code);
    return name;
  });
  writeFileSync(join(modules, 'all.js'), names.map((name) => `await import('./${name}');\n`).join(''));
  return execFileSync(process.execPath, ['all.js'], { cwd: modules, encoding: 'utf8' });
}

test('each example does what it says', () => {
  const lines = run().trimEnd().split('\n');
  const [listed, ...others] = lines;
  expect(listed).toMatch(/^Sim iPhone [0-9A-F-]{25} 1$/i);
  expect(others).toEqual([
    'true true',
    'Library/Notes/notes.txt 18',
    'CameraRollDomain Media/DCIM/100APPLE/IMG_0001.JPG 25',
    'found Library/Notes/notes.txt',
    expect.stringMatching(/Domain/),
    expect.stringMatching(/Domain/),
    'extracted 0 1',
    'verified ok 0',
    'decrypted 0',
    'password 12',
    'backed up 0 3',
  ]);
  expect(readFileSync(join(place, 'elsewhere/notes.txt'), 'utf8')).toBe(FILES['HomeDomain/Library/Notes/notes.txt']);
});
