/** A device behind the muxer as a `Transport`, and the watch that notices when it is unplugged. */
import { IbkError } from '../../errors.js';
import type { Link } from '../../events.js';
import { abortError, throwIfAborted } from '../../io/abort.js';
import type { Connection, ConnectOptions, Transport } from '../transport.js';
import type { UsbmuxClient } from './client.js';
import type { MuxDevice } from './messages.js';

export class UsbmuxTransport implements Transport {
  readonly udid: string;
  readonly link: Link;
  readonly deviceId: number;
  readonly #client: UsbmuxClient;
  readonly #gone: AbortSignal | undefined;

  constructor(client: UsbmuxClient, device: MuxDevice, gone?: AbortSignal) {
    this.udid = device.udid;
    this.link = device.link;
    this.deviceId = device.deviceId;
    this.#client = client;
    this.#gone = gone;
  }

  async connect(port: number, options: ConnectOptions = {}): Promise<Connection> {
    if (this.#gone?.aborted) throw abortError(this.#gone);
    throwIfAborted(options.signal);
    return this.#client.connect(this.deviceId, port, { signal: options.signal, gone: this.#gone });
  }
}

export interface DetachWatch extends Disposable {
  /** Aborts with `connection_lost` (reason `detached`) when the muxer says that the device is gone. */
  readonly gone: AbortSignal;
}

/**
 * Listens for the device's `Detached` until disposed. A silent phone whose cable came out would otherwise be waited for until the stall
 * timeout. Should listening itself fail, the watch only sees nothing: the sockets still tell.
 */
export function watchDetached(client: UsbmuxClient, device: MuxDevice, signal: AbortSignal): DetachWatch {
  const gone = new AbortController();
  const ended = new AbortController();
  const stop = () => ended.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const watching = async () => {
    for await (const event of client.listen({ signal: ended.signal }))
      if (event.kind === 'detached' && event.deviceId === device.deviceId) {
        const message = device.link === 'usb' ? 'The cable came out.' : 'The device left the network.';
        return gone.abort(new IbkError('connection_lost', message, { reason: 'detached' }));
      }
  };
  watching().catch(() => undefined);
  return {
    gone: gone.signal,
    [Symbol.dispose]() {
      signal.removeEventListener('abort', stop);
      ended.abort();
    },
  };
}
