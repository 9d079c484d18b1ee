/** Talks to a running simulator, for `ibk sim ctl` and for tests that run it as a program. */
import { createConnection } from 'node:net';
import { IbkError } from '../../errors.js';
import { asData, field, optionalString } from '../../plist/fields.js';
import { type PlistValue, plistDict } from '../../plist/value.js';
import { encodeMuxPacket, HEADER_BYTES } from '../muxer/framing.js';
import { parsePlist } from '../../plist/codec.js';
import { isPlistDict } from '../../plist/value.js';
import { formatAddress, parseListenAddress } from '../wire/address.js';
import { PullReader } from '../wire/pull-reader.js';
import type { ControlCommand } from './commands.js';

/** A tree of 50,000 files is some 10 MB. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;

/**
 * @returns the answer's JSON, as text
 * @throws IbkError `usbmuxd` when nobody listens there, `usage` when a muxer but no simulator does, `error` when it refuses
 */
export async function controlSimulator(
  listen: string,
  command: ControlCommand,
  options: Readonly<Record<string, PlistValue | undefined>>,
  signal?: AbortSignal,
): Promise<string> {
  const address = parseListenAddress(listen);
  const target = address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
  const socket = createConnection({ ...target, ...(signal === undefined ? {} : { signal }) });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.on('error', () => {});
    const reader = new PullReader(socket);
    socket.write(encodeMuxPacket(1, plistDict({ MessageType: 'SimulatorControl', Command: command, ...options })));
    const head = await reader.exactly(HEADER_BYTES);
    const length = head?.readUInt32LE(0) ?? 0;
    const body =
      length > HEADER_BYTES && length <= MAX_ANSWER_BYTES ? await reader.exactly(length - HEADER_BYTES) : undefined;
    signal?.throwIfAborted();
    if (body === undefined) throw new IbkError('usbmuxd', `The program at ${listen} hung up.`);
    const answer = parsePlist(body, 'answer', { maxBytes: MAX_ANSWER_BYTES });
    if (!isPlistDict(answer) || field(answer, 'MessageType') !== undefined) {
      throw new IbkError('usage', `The program at ${listen} is not ibk sim.`);
    }
    const refused = optionalString(answer, 'Error');
    if (refused !== undefined) throw new IbkError('error', refused, { hint: 'ibk sim ctl --help' });
    return asData(field(answer, 'Json'), 'Json').toString('utf8');
  } catch (error) {
    if (error instanceof IbkError || signal?.aborted) throw error;
    throw new IbkError('usbmuxd', `No simulator listens at ${formatAddress(address)}.`, {
      hint: 'Start one: ibk sim --listen ADDR',
      cause: error,
    });
  } finally {
    socket.destroy();
  }
}
