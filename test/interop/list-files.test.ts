/** Folders that Debian's idevicebackup2 made, plain and encrypted, old and new: every command that reads gives exactly what the phone holds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { startSimulator } from '../../src/sim/index.js';
import { expectAllOf } from '../support/read-everything.js';
import { runIbk } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';
import { phoneKinds } from '../support/phone-kinds.js';
import { describeWithTools } from '../support/tools.js';

describeWithTools('the files in folders of idevicebackup2', ['idevicebackup2', 'idevicepair'], () => {
  for (const { ios, password, name } of phoneKinds(['9', '17', '26'], 'plain')) {
    test.concurrent(name, async () => {
      const home = mkdtempSync(join(tmpdir(), 'ibk-test-list-'));
      const sim = await startSimulator({
        ios: [ios],
        files: 80,
        bytes: 200_000,
        ...(password === undefined ? {} : { encryption: { password } }),
      });
      try {
        const env = { USBMUXD_SOCKET_ADDRESS: sim.listen };
        const run = (program: string, ...args: string[]) =>
          execa(program, args, { env, reject: false, timeout: 150_000 });
        await run('idevicepair', 'pair');
        await run('idevicepair', 'pair');
        expect((await run('idevicebackup2', 'backup', '--full', home)).exitCode).toBe(0);
        const [phone] = sim.phones;
        if (phone === undefined) throw new Error('no phone');
        const ibk = (...args: string[]) =>
          runIbk(home, args, { env: password === undefined ? {} : { IBK_PASSWORD: password } });
        const folder = join(home, phone.udid);

        const listed = expectValidLines((await ibk('list', folder, '--json')).stdout).filter(
          ({ kind }) => kind === 'file',
        );
        const expected = await phone.content.tree(password !== undefined);
        const rows = listed.map(({ domain, path, bytes, mode, mtime }): [string, unknown] => [
          `${domain}/${path}`,
          { size: bytes, mode, mtime: Date.parse(String(mtime)) / 1000 },
        ]);
        const wanted = Object.entries(expected).map(([path, { size, mode, mtime }]): [string, unknown] => [
          path,
          { size, mode: mode & 0o7777, mtime },
        ]);
        expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(wanted));

        const [found] = expectValidLines((await ibk('find', 'sms.db', `${folder}:HomeDomain`, '--json')).stdout);
        expect(found).toMatchObject({ type: 'match', domain: 'HomeDomain', path: 'Library/SMS/sms.db' });
        const [info] = expectValidLines((await ibk('info', folder, '--missing', '--json')).stdout);
        expect(info).toMatchObject({
          type: 'info',
          version: null,
          device: { udid: phone.udid, ios: phone.productVersion },
          encrypted: password !== undefined,
          files: wanted.length,
          missing: [],
          made_by: null,
        });
        await expectAllOf({ root: home, udid: phone.udid, scratch: join(home, 'out'), password, tree: expected });
      } finally {
        await sim.close();
        rmSync(home, { recursive: true, force: true });
      }
    });
  }
});
