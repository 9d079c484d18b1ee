/** ibk and Debian's idevicepair work with each other's trust. */
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { pairDevice, unpairDevice, validatePairing } from '../../src/operations/pair.js';
import { hastyClock, startBench } from '../support/sim-bench.js';
import { describeWithTools } from '../support/tools.js';

function idevicepair(address: string, ...args: string[]): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve) => {
    const child = spawn('idevicepair', args, { env: { ...process.env, USBMUXD_SOCKET_ADDRESS: address } });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.stderr.on('data', (chunk) => (text += chunk));
    child.on('close', (code) => resolve({ code, text }));
  });
}

describeWithTools('idevicepair', ['idevicepair'], () => {
  test.each(['9', '15', '26'] as const)(
    'iOS %s: a record of ibk is valid for idevicepair, and the other way round',
    async (ios) => {
      await using bench = await startBench({ ios: [ios], clientClock: hastyClock() });
      const selected = await bench.select();
      const { listen } = bench.sim;
      await pairDevice(bench.ctx, selected);
      expect(await idevicepair(listen, 'validate')).toMatchObject({
        code: 0,
        text: expect.stringContaining('SUCCESS'),
      });
      expect((await idevicepair(listen, 'unpair')).code).toBe(0);
      await expect(validatePairing(bench.ctx, selected)).rejects.toMatchObject({ code: 'not_paired' });

      for (let tries = 0; tries < 5 && (await idevicepair(listen, 'pair')).code !== 0; tries++);
      await validatePairing(bench.ctx, selected);
      expect(await unpairDevice(bench.ctx, selected)).toMatchObject({ onDevice: true, onComputer: true });
      expect((await idevicepair(listen, 'validate')).code).not.toBe(0);
    },
  );
});
