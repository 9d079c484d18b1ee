/** The package as a program imports it: `import … from 'ibk'`, against a simulated phone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type * as Library from '../../src/index.js';
import { startSimulator } from '../../src/sim/index.js';

const root = mkdtempSync(join(tmpdir(), 'ibk-library-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('select, pair, back up, list', async () => {
  const ibk: typeof Library = await import(new URL('../../dist/index.js', import.meta.url).href);
  await using sim = await startSimulator({ files: 5, bytes: 5000 });
  const types: string[] = [];
  const context = ibk.createContext({ usbmuxd: sim.listen, onEvent: ({ type }) => types.push(type) });
  const [device] = await ibk.selectDevices(context, { udids: [], link: 'any' });
  if (device === undefined) throw new Error('no device');
  await expect(ibk.planBackup(context, device, { root, full: false })).rejects.toBeInstanceOf(ibk.IbkError);
  expect(await ibk.pairDevice(context, device)).toMatchObject({ wasPaired: false });
  const summary = await ibk.backupWithRetries(context, device, { root, full: false, retries: 0 });
  expect(summary).toMatchObject({ type: 'summary', exit: 0, kind: 'full', filesReceived: 5 });
  expect(types).toEqual(expect.arrayContaining(['prompt', 'start', 'phase', 'warning', 'summary']));
  expect((await ibk.listBackups({ root })).backups).toMatchObject([
    { udid: device.udid, versions: [{ complete: true }] },
  ]);
  await using backup = await ibk.openBackupAt({ root });
  await backup.unlock();
  let files = 0;
  for await (const page of backup.records())
    for (const record of page) {
      const content = backup.content(record);
      if (content === undefined) continue;
      files += 1;
      expect(content.readWhole()).toHaveLength(record.details().sizeBytes);
      content.close();
    }
  expect(files).toBe(5);
  expect(ibk.VERSION).toMatch(/^\d+\.\d+\.\d+/);
});
