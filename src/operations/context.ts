/** What every operation on devices is handed. */
import type { ProtocolContext } from '../protocol/context.js';
import type { UsbmuxClient } from '../protocol/usbmux/client.js';

export { DEFAULT_TIMEOUTS, type Timeouts } from '../protocol/context.js';

export interface OperationContext extends ProtocolContext {
  readonly muxer: UsbmuxClient;
}
