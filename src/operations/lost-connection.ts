/** The end of a stream without an answer: is the link gone, or did the phone give up while it is still there? */
import { IbkError } from '../errors.js';
import type { MuxDevice } from '../protocol/usbmux/messages.js';
import type { OperationContext } from './context.js';

/**
 * The muxer knows; it has dropped a device by the time its connections end. Any other error is given back as it is.
 * @returns `connection_lost`, or `device_error` with the reason `no_answer`
 */
export async function lostConnection(ctx: OperationContext, { deviceId }: MuxDevice, error: unknown): Promise<unknown> {
  if (!(error instanceof IbkError) || error.code !== 'connection_lost' || error.reason === 'detached') return error;
  // Plugged in again at once it has another number.
  const there = await ctx.muxer.listDevices().then(
    (devices) => devices.some((each) => each.deviceId === deviceId),
    () => false,
  );
  if (!there) return new IbkError('connection_lost', error.message, { reason: 'detached', cause: error });
  return new IbkError('device_error', 'The iPhone ended the conversation without an answer.', {
    reason: 'no_answer',
    cause: error,
  });
}
