import { IbkError } from '../../errors.js';

/** What the device sent cannot be read any further: the run ends, as the place in the stream is lost. */
export function malformed(why: string): IbkError {
  return new IbkError('device_error', `The iPhone sent something that cannot be read: ${why}.`, { reason: 'protocol' });
}
