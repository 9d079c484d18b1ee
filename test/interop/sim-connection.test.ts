/** Debian's clients against the simulated iPhone: discovery, facts, trust. */
import { execa } from 'execa';
import { afterEach, expect, test } from 'vitest';
import { type IosId, startSimulator, type Simulator, type SimulatorOptions } from '../../src/sim/index.js';
import { describeWithTools } from '../support/tools.js';

let sim: Simulator | undefined;

async function phone(options: SimulatorOptions): Promise<Simulator> {
  sim = await startSimulator({ files: 4, bytes: 4000, ...options });
  return sim;
}

/** Text of both streams, since these tools use either, and the exit code. */
async function run(
  program: string,
  ...args: string[]
): Promise<{ text: string; lines: string[]; exit: number | undefined }> {
  const { all, exitCode } = await execa(program, args, {
    env: { USBMUXD_SOCKET_ADDRESS: sim?.listen ?? '' },
    reject: false,
    all: true,
    timeout: 30_000,
  });
  return { text: all, lines: all.split('\n'), exit: exitCode };
}

describeWithTools('clients of libimobiledevice', ['idevice_id', 'ideviceinfo', 'idevicepair'], () => {
  afterEach(async () => {
    const violations = sim?.violations;
    await sim?.close();
    sim = undefined;
    expect(violations).toEqual([]);
  });

  for (const ios of ['9', '12', '15', '17', '26'] as const satisfies readonly IosId[]) {
    test(`iOS ${ios}: listed, asked, paired, validated, unpaired`, async () => {
      const { phones } = await phone({ ios: [ios] });
      const udid = phones[0]?.udid ?? '';
      const version = phones[0]?.profile.version;
      expect((await run('idevice_id', '-l')).text).toBe(udid);
      expect((await run('ideviceinfo', '-s', '-k', 'ProductVersion')).text).toBe(version);
      expect((await run('ideviceinfo', '-s')).text).not.toContain('SerialNumber');

      const first = await run('idevicepair', 'pair');
      expect(first.text).toContain('accept the trust dialog');
      expect(first.exit).not.toBe(0);
      expect((await run('idevicepair', 'pair')).text).toBe(`SUCCESS: Paired with device ${udid}`);
      expect((await run('idevicepair', 'validate')).text).toBe(`SUCCESS: Validated pairing with device ${udid}`);

      expect((await run('ideviceinfo', '-k', 'ProductVersion')).text).toBe(version);
      const all = await run('ideviceinfo');
      expect(all.lines).toContain(`UniqueDeviceID: ${udid}`);
      expect(all.lines).toContain(`SerialNumber: ${phones[0]?.identity.serialNumber}`);
      const backup = await run('ideviceinfo', '-q', 'com.apple.mobile.backup');
      expect(backup.lines).toContain('WillEncrypt: false');

      expect((await run('idevicepair', 'unpair')).text).toBe(`SUCCESS: Unpaired with device ${udid}`);
      expect(phones[0]?.pairings.size).toBe(0);
      expect((await run('idevicepair', 'validate')).exit).not.toBe(0);
    });
  }

  test('WillEncrypt tells of backup encryption', async () => {
    await phone({ encryption: { password: 'secret' }, scenarios: ['trust-pending=0'] });
    await run('idevicepair', 'pair');
    expect((await run('ideviceinfo', '-q', 'com.apple.mobile.backup', '-k', 'WillEncrypt')).text).toBe('true');
  });

  test('a Trust dialog that waits for a finger: accepted', async () => {
    const { phones } = await phone({ scenarios: ['trust-manual'] });
    expect((await run('idevicepair', 'pair')).text).toContain('accept the trust dialog');
    expect(phones[0]?.trust.showing).toBe(true);
    expect((await run('idevicepair', 'pair')).text).toContain('accept the trust dialog');
    phones[0]?.trust.answer(true);
    expect((await run('idevicepair', 'pair')).text).toContain('SUCCESS');
  });

  test('Trust refused', async () => {
    await phone({ scenarios: ['trust-refused'] });
    await run('idevicepair', 'pair');
    expect((await run('idevicepair', 'pair')).text).toContain('denied the trust dialog');
  });

  test('a locked phone does not pair', async () => {
    const { phones } = await phone({ scenarios: ['locked', 'trust-pending=0'] });
    expect((await run('idevicepair', 'pair')).text).toContain('passcode');
    const [first] = phones;
    if (first !== undefined) first.lock = 'unlocked';
    expect((await run('idevicepair', 'pair')).text).toContain('SUCCESS');
  });

  test('a phone that forgot this computer is not paired with it', async () => {
    const { phones } = await phone({ scenarios: ['trust-pending=0'] });
    await run('idevicepair', 'pair');
    phones[0]?.forgetComputers();
    await run('ideviceinfo', '-k', 'SerialNumber');
    expect(phones[0]?.stats.lockdown.StartSession).toBeGreaterThan(0);
  });

  test('several phones, one over Wi-Fi as well', async () => {
    const { phones } = await phone({ ios: ['17', '9', '26'] });
    const udids = phones.map(({ udid }) => udid).sort();
    expect((await run('idevice_id', '-l')).lines.sort()).toEqual(udids);
    await sim?.close();
    const again = await phone({ scenarios: ['usb-and-network'] });
    const { lines } = await run('idevice_id', '-l', '-n');
    expect(lines.join()).toContain(again.phones[0]?.udid);
  });

  test('over TCP', async () => {
    const { listen, phones } = await phone({ listen: '127.0.0.1:0', scenarios: ['trust-pending=0'] });
    expect(listen).toMatch(/^127\.0\.0\.1:\d+$/);
    expect((await run('idevice_id', '-l')).text).toBe(phones[0]?.udid);
    expect((await run('idevicepair', 'pair')).text).toContain('SUCCESS');
    expect((await run('idevicepair', 'validate')).text).toContain('SUCCESS');
  });

  test('characters that XML forbids do not disturb', async () => {
    await phone({ scenarios: ['control-characters'] });
    expect((await run('ideviceinfo', '-s', '-k', 'DeviceName')).text).toContain('Sim iPhone');
  });
});
