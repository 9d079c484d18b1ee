/** `ibk sim ctl`: one question to a running simulator. */
import type { ControlCommand } from '../sim/index.js';
import { countOption, type SimStreams, wrongUse } from './sim-options.js';

export interface CtlOptions {
  readonly listen?: string;
  readonly udid?: string;
  readonly add?: string;
  readonly change?: string;
  readonly remove?: string;
  readonly rename?: string;
  readonly accept?: boolean;
  readonly enter?: boolean;
  readonly refuse?: boolean;
}

export async function runCtl(command: string | undefined, options: CtlOptions, streams: SimStreams): Promise<void> {
  const { CONTROL_COMMANDS, controlSimulator } = await import('../sim/index.js');
  const known = CONTROL_COMMANDS.find((candidate): candidate is ControlCommand => candidate === command);
  if (known === undefined) {
    throw wrongUse(`ctl ${command ?? ''}`.trim(), `It can be: ${CONTROL_COMMANDS.join(', ')}.`);
  }
  const listen = options.listen ?? streams.env.USBMUXD_SOCKET_ADDRESS;
  if (listen === undefined || listen === '') throw wrongUse('ctl', 'Say where the simulator listens: --listen ADDR.');
  const accepted = options.accept ?? options.enter ?? false;
  if ((known === 'trust' || known === 'passcode') && accepted === (options.refuse ?? false)) {
    throw wrongUse(`ctl ${known}`, `Say ${known === 'trust' ? '--accept' : '--enter'} or --refuse.`);
  }
  const answer = await controlSimulator(listen, known, {
    UDID: options.udid,
    Accept: accepted,
    Add: countOption('--add', options.add),
    Change: countOption('--change', options.change),
    Remove: countOption('--remove', options.remove),
    Rename: countOption('--rename', options.rename),
  });
  streams.stdout.write(`${answer}\n`);
}
