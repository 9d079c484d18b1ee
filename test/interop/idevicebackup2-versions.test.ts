/** idevicebackup2 in the same folder between runs of ibk: older versions serve the right bytes or say what is lost, and the newest is whole. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { carriesDigest } from '../../src/sim/backup-set/record.js';
import { belongsToBackup } from '../../src/sim/content/item.js';
import { controlSimulator } from '../../src/sim/index.js';
import { plugIn } from '../support/phone.js';
import { cleanEnvironment, tempHome } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';
import { describeWithTools } from '../support/tools.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));

describeWithTools('beside idevicebackup2', ['idevicebackup2'], () => {
  test('before, between and after: list tells who made what, verify what is lost', async () => {
    await using phone = await plugIn(home, { scenarios: ['paired'], ios: ['15'] });
    const root = join(home, 'root');
    mkdirSync(root);
    const other = () =>
      execa('idevicebackup2', ['backup', root], {
        env: { ...cleanEnvironment(home), USBMUXD_SOCKET_ADDRESS: phone.sim.listen },
        extendEnv: false,
      });
    const document = async (...args: string[]) => {
      const ran = await phone.ibk([...args, '-o', root, '--json']);
      return expectValidLines(ran.stdout)[0] ?? {};
    };
    const versions = async () => {
      const [device] = (await document('list'))['devices'] as {
        versions: { foreign: boolean; complete: boolean; files_lost: number }[];
      }[];
      return device?.versions ?? [];
    };
    const mutate = () => controlSimulator(phone.sim.listen, 'mutate', { Add: 2, Change: 3, Remove: 1 });
    const backup = async () => expect((await phone.ibk(['backup', '-q', '-o', root])).exit).toBe(0);

    await other();
    // What carries a digest of the phone's has a checksum, whoever made the backup.
    const files = ((await phone.sim.phones[0]?.content.items()) ?? []).filter((item) => belongsToBackup(item, false));
    const bare = files.filter((item) => item.kind === 'file' && !carriesDigest(item)).length;
    expect(await document('verify')).toMatchObject({ version: null, code: 'ok', manifest: 'checked' });
    await mutate();
    await backup();
    expect((await versions()).map(({ foreign }) => foreign)).toEqual([false, true]);
    expect(await document('verify', 'latest~1')).toMatchObject({ code: 'ok', files_without_checksum: bare });

    await mutate();
    await other();
    expect((await versions())[0]).toMatchObject({ version: null, foreign: true, complete: true });
    expect(await document('verify')).toMatchObject({ version: null, code: 'ok' });
    await mutate();
    await backup();
    const kept = await versions();
    expect(kept.map(({ foreign }) => foreign)).toEqual([false, true, false, true]);
    expect(kept[2]?.files_lost).toBeGreaterThan(0);
    expect(await document('verify', '--read-data')).toMatchObject({ code: 'ok', problems: [] });
    const damaged = await document('verify', 'latest~2', '--read-data');
    expect(damaged).toMatchObject({ code: 'damaged' });
    const kinds = new Set((damaged['problems'] as { kind: string }[]).map(({ kind }) => kind));
    expect([...kinds]).toEqual(['missing']);
  });
});
