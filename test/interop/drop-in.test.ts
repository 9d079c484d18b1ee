/** `ibk idevicebackup2` in the place of Debian's idevicebackup2: one script, one word changed, equal exit status, equal folders, equal phones. IBK_TEST_ALL=1: of iOS 9, too. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import type { IosId } from '../../src/sim/index.js';
import { differences } from '../support/compare-backups.js';
import { type DebianBench, restarted, withPhone } from '../support/debian-phone.js';
import { cleanEnvironment, IBK } from '../support/run-ibk.js';
import { runScript, type ScriptRun, type Word } from '../support/script-words.js';
import { firstLine } from '../support/sim-process.js';
import { IS_WHOLE } from '../support/phone-kinds.js';
import { describeWithTools } from '../support/tools.js';

const FIRST = [
  'idevicebackup2 backup "$ROOT"',
  'idevicebackup2 info "$ROOT"',
  'idevicebackup2 encryption on first',
  'idevicebackup2 encryption on first "$ROOT"',
  'idevicebackup2 --full "$ROOT" backup',
  'idevicebackup2 changepw first second "$ROOT"',
];
const AFTERWARDS = [
  'idevicebackup2 backup "$ROOT"',
  'idevicebackup2 restore "$ROOT"',
  'idevicebackup2 restore --password first "$ROOT"',
  'idevicebackup2 restore --system --settings --remove --skip-apps --password second "$ROOT"',
];
const LAST = ['printf "second\\n" | idevicebackup2 -i encryption off', 'idevicebackup2 cloud on "$ROOT"'];

interface Script {
  readonly first: readonly string[];
  /** After the phone has changed; ends with a restore. */
  readonly afterwards: readonly string[];
  readonly last: readonly string[];
}

const WHOLE: Script = { first: FIRST, afterwards: AFTERWARDS, last: LAST };
/** What depends on the generation of the backup. */
const SHORT: Script = {
  first: ['idevicebackup2 backup "$ROOT"', 'idevicebackup2 encryption on first'],
  afterwards: ['idevicebackup2 backup "$ROOT"', 'idevicebackup2 restore --remove --settings --password first "$ROOT"'],
  last: [],
};

interface Outcome extends ScriptRun {
  readonly content: Record<string, unknown>;
  readonly encrypted: boolean;
  readonly cloud: boolean;
}

/** The whole of it, on a phone that is as the other one. */
async function play(word: Word, script: Script, { root, phone, sim }: DebianBench): Promise<Outcome> {
  const at = { root, listen: sim.listen };
  const first = await runScript(word, script.first, at);
  await phone.content.mutate({ add: 3, change: 3, remove: 2, rename: 1 });
  const back = restarted({ phone });
  const then = await runScript(word, script.afterwards, at);
  await back;
  const last = await runScript(word, script.last, at);
  expect(sim.violations).toEqual([]);
  return {
    exits: [first, then, last].flatMap(({ exits }) => exits),
    text: [first, then, last].map(({ text }) => text).join('\n'),
    content: await phone.content.tree(true),
    encrypted: phone.encryption !== undefined,
    cloud: phone.cloudBackup,
  };
}

describeWithTools('ibk idevicebackup2 for idevicebackup2', ['idevicebackup2', 'idevicepair'], () => {
  const phones = [
    ['17', WHOLE],
    ['9', SHORT],
  ] as const satisfies readonly (readonly [IosId, Script])[];
  for (const [ios, script] of IS_WHOLE ? phones : phones.slice(0, 1)) {
    test.concurrent(`iOS ${ios}: the same script, with that word changed`, async () => {
      const options = { ios: [ios], files: 40, bytes: 400_000 };
      await withPhone(options, (other) =>
        withPhone(options, async (own) => {
          const [theirs, ours] = await Promise.all([
            play('idevicebackup2', script, other),
            play('ibk idevicebackup2', script, own),
          ]);
          expect(ours.exits).toEqual(theirs.exits);
          const restored = ours.exits[script.first.length + script.afterwards.length - 1];
          expect(restored).toBe(`${script.afterwards.at(-1)}: 0`);
          expect(ours.content).toEqual(theirs.content);
          expect([ours.encrypted, ours.cloud]).toEqual([theirs.encrypted, theirs.cloud]);
          const { udid } = own.phone;
          expect(differences(join(other.root, udid), join(own.root, udid))).toEqual([]);
          for (const words of [
            'Backup Successful.',
            'Restore Successful.',
            'snapshotState=finished',
            'ErrorCode 207: ',
          ])
            expect([ours.text.split(words).length, words]).toEqual([theirs.text.split(words).length, words]);
        }),
      );
    });
  }

  test.concurrent('list and unback are read from the folder, of an encrypted backup too', async () => {
    await withPhone({ ios: ['26'], files: 30, bytes: 300_000, encryption: { password: 'word' } }, async (bench) => {
      const { root, phone, sim } = bench;
      const lines = [
        'idevicebackup2 backup "$ROOT"',
        'BACKUP_PASSWORD=guess idevicebackup2 list "$ROOT"',
        'BACKUP_PASSWORD=word idevicebackup2 list "$ROOT"',
        'idevicebackup2 unback "$ROOT"',
        'BACKUP_PASSWORD=word idevicebackup2 unback "$ROOT"',
      ];
      const { exits, text } = await runScript('ibk idevicebackup2', lines, { root, listen: sim.listen });
      expect(exits.map((line) => line.split(': ').at(-1))).toEqual(['0', '49', '0', '255', '0']);
      const held = Object.keys(await phone.content.tree(true));
      for (const path of held) expect(text).toContain(`"${path.replace('/', '-')}",`);
      const message = join(root, '_unback_', phone.udid, 'var/mobile/Library/SMS/sms.db');
      expect(existsSync(message)).toBe(held.includes('HomeDomain/Library/SMS/sms.db'));
    });
  });

  test.concurrent('a password in the arguments is said to be one, and the list of processes loses it', async () => {
    await withPhone({ files: 5, bytes: 5000, scenarios: ['silent=scan:30'] }, async ({ sim }) => {
      const child = execa(process.execPath, [IBK, 'idevicebackup2', 'encryption', 'on', 'seen by all'], {
        env: { ...cleanEnvironment('/tmp'), USBMUXD_SOCKET_ADDRESS: sim.listen },
        extendEnv: false,
        reject: false,
      });
      expect(await firstLine(child.stderr)).toContain('A password was given as an argument');
      expect(readFileSync(`/proc/${child.pid}/cmdline`, 'latin1')).not.toContain('seen by all');
      child.kill('SIGTERM');
      await child;
    });
  });
});
