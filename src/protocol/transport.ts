/**
 * How everything above reaches a device: by port number, giving a byte stream. USB and Wi-Fi through usbmuxd look alike here, as would a
 * direct or tunnelled connection.
 */
import type { Duplex } from 'node:stream';
import type { Link } from '../events.js';

/** One open stream to a device port, with or without TLS. Whoever holds it owns the socket and must `close()` it. */
export interface Connection {
  readonly stream: Duplex;
  /** Aborts when the stream ends, fails, or the device is detached; the reason is an IbkError (`connection_lost`). */
  readonly closed: AbortSignal;
  /** Ends the stream at once. Safe to call twice. */
  close(): void;
}

export interface ConnectOptions {
  readonly signal?: AbortSignal;
}

/** A device as the muxer sees it. */
export interface Transport {
  readonly udid: string;
  readonly link: Link;
  /** @throws IbkError `connection_lost` when the device is gone, `device_error` when it refuses the port, `timeout`, `usbmuxd` */
  connect(port: number, options?: ConnectOptions): Promise<Connection>;
}
