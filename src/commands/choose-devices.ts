import { IbkError } from '../errors.js';
import { formatLimit } from '../figures.js';
import type { OperationContext } from '../operations/context.js';
import { type SelectedDevice, selectDevices } from '../operations/select-device.js';
import type { Session } from './session.js';

/**
 * The devices that the options mean; says so when it has to wait for one (`--wait`).
 * @throws IbkError `no_device`, `ambiguous_device`, `usbmuxd`, `timeout`
 */
export async function chooseDevices(
  { config, terminal }: Session,
  context: OperationContext,
  command: string,
): Promise<SelectedDevice[]> {
  const options = { udids: config.udids, link: config.link, command: `ibk ${command}` };
  if (config.waitMs > 0 && !config.quiet && !config.json) {
    try {
      return await selectDevices(context, { ...options, waitMs: 0 });
    } catch (error) {
      if (!(error instanceof IbkError) || !['no_device', 'usbmuxd'].includes(error.code)) throw error;
      const what = config.udids.length === 0 ? 'an iPhone or iPad' : 'the device';
      terminal.err.line(terminal.err.style.dim(`Waiting for ${what}, at most ${formatLimit(config.waitMs / 1000)}.`));
    }
  }
  return selectDevices(context, options);
}
