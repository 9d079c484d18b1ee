/** The stand-in for usbmuxd: a listening socket, its clients, and the way from a Connect to a service of a phone. */
import { chmod, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { IbkError } from '../../errors.js';
import { type PlistDict, plistDict } from '../../plist/value.js';
import { LOCKDOWN_PORT, serveLockdown } from '../lockdown/lockdownd.js';
import { count, type SimulatedPhone } from '../phone/phone.js';
import { formatAddress, type ListenAddress } from '../wire/address.js';
import { shapedStream } from '../wire/shaped-stream.js';
import { type Attachment, Attachments } from './attachments.js';
import { serveMuxClient } from './client-connection.js';
import type { PairRecordStore } from './pair-records.js';

/** Runs a stream that has just been connected, to its end. */
export type StreamRunner = (socket: Socket) => Promise<void>;

export interface MuxerSetup {
  readonly address: ListenAddress;
  readonly phones: readonly SimulatedPhone[];
  readonly buid: string;
  readonly pairRecords: PairRecordStore;
  readonly control: (request: PlistDict) => Promise<PlistDict>;
  /** Hears of what a client did wrong before it reached a phone. */
  readonly violation: (text: string) => void;
}

/** What the connections share. */
export interface MuxerState {
  readonly attachments: Attachments;
  readonly pairRecords: PairRecordStore;
  readonly buid: string;
  readonly control: (request: PlistDict) => Promise<PlistDict>;
  violation(text: string): void;
  listeners(): PlistDict[];
  /** @returns the call that takes it off the list */
  addListener(program: string): () => void;
  /** What answers at a port of a phone; undefined: connection refused. */
  dial(attachment: Attachment, port: number): StreamRunner | undefined;
}

const BUFFER_BYTES = 256 * 1024;

export class Muxer implements MuxerState {
  readonly attachments: Attachments;
  readonly pairRecords: PairRecordStore;
  readonly buid: string;
  readonly control: (request: PlistDict) => Promise<PlistDict>;
  readonly #setup: MuxerSetup;
  readonly #server: Server;
  readonly #clients = new Set<Promise<void>>();
  readonly #sockets = new Set<Socket>();
  readonly #listeners = new Set<{ readonly program: string }>();
  #address: ListenAddress;

  private constructor(setup: MuxerSetup) {
    this.#setup = setup;
    this.#address = setup.address;
    this.attachments = new Attachments(setup.phones);
    this.pairRecords = setup.pairRecords;
    this.buid = setup.buid;
    this.control = setup.control;
    this.#server = createServer({ noDelay: true, highWaterMark: BUFFER_BYTES, allowHalfOpen: true }, (socket) =>
      this.#accept(socket),
    );
  }

  /** @throws IbkError `in_use`, `destination` when the address cannot be listened at */
  static async listen(setup: MuxerSetup): Promise<Muxer> {
    const muxer = new Muxer(setup);
    await muxer.#listen();
    return muxer;
  }

  /** With the port that was really taken. */
  get address(): ListenAddress {
    return this.#address;
  }

  violation(text: string): void {
    this.#setup.violation(text);
  }

  listeners(): PlistDict[] {
    return [...this.#listeners].map(({ program }, i) =>
      plistDict({
        Blacklisted: false,
        BundleID: program,
        ConnType: 0,
        'ID String': `${i}`,
        ProgName: program,
        kLibUSBMuxVersion: 3,
      }),
    );
  }

  addListener(program: string): () => void {
    const entry = { program };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  dial(attachment: Attachment, port: number): StreamRunner | undefined {
    const { phone, link } = attachment;
    if (phone.detachAt('connect')) return undefined;
    if (phone.scenarios.has('connect-refused')) return undefined;
    if (port === LOCKDOWN_PORT) {
      return (socket) => this.#run(socket, phone, 'lockdownd', (stream) => serveLockdown(stream, phone, link));
    }
    const service = phone.ports.take(port);
    if (service === undefined) return undefined;
    return (socket) =>
      this.#run(socket, phone, service.name, async (stream) => {
        const spoken = service.ssl ? await phone.acceptTls(stream, service.pairing) : stream;
        if (spoken === undefined) return;
        await service.handler(spoken, phone);
        if (!spoken.destroyed) spoken.end();
      });
  }

  /** Ends everything, and takes the socket file away. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await Promise.all(this.#clients);
    const address = this.#address;
    if (address.kind === 'unix') await rm(address.path, { force: true });
    if (address.kind === 'unix' && address.temporaryFolder !== undefined) {
      await rm(address.temporaryFolder, { recursive: true, force: true });
    }
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    const client = serveMuxClient(socket, this)
      .catch((error: unknown) => {
        this.violation(`usbmuxd: ${error instanceof Error ? error.message : String(error)}`);
        socket.destroy();
      })
      .finally(() => this.#clients.delete(client));
    this.#clients.add(client);
  }

  /** Runs a service on a connected stream until it ends, the client hangs up, or the cable is pulled. */
  async #run(
    socket: Socket,
    phone: SimulatedPhone,
    name: string,
    serve: (stream: Duplex) => Promise<void>,
  ): Promise<void> {
    count(phone.stats.services, name);
    phone.stats.connections += 1;
    phone.emit('connected');
    const { signal } = phone;
    // Not at once: the cable may be pulled from within a read of the TLS layer above, and Node 20 then reads on in memory that it has freed.
    const pull = () => setImmediate(() => socket.destroy());
    signal.addEventListener('abort', pull, { once: true });
    const stream = shapedStream(socket, phone.scenarios);
    try {
      await serve(stream);
    } catch (error) {
      phone.violation(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      stream.destroy();
    } finally {
      signal.removeEventListener('abort', pull);
      if (!stream.destroyed) stream.end();
      phone.stats.bytesIn += socket.bytesRead;
      phone.stats.bytesOut += socket.bytesWritten;
    }
  }

  async #listen(): Promise<void> {
    const { address } = this.#setup;
    if (address.kind === 'unix') await clearStaleSocket(address.path);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(cannotListen(address, error)));
      const target = address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
      this.#server.listen(target, resolve);
    });
    if (address.kind === 'unix') await chmod(address.path, 0o600);
    const bound = this.#server.address();
    if (address.kind === 'tcp' && bound !== null && typeof bound === 'object')
      this.#address = { ...address, port: bound.port };
  }
}

function cannotListen(address: ListenAddress, error: NodeJS.ErrnoException): IbkError {
  const where = formatAddress(address);
  if (error.code === 'EADDRINUSE') {
    return new IbkError('in_use', `Another program listens at ${where}.`, {
      hint: 'Choose another address with --listen.',
      cause: error,
    });
  }
  return new IbkError('destination', `Cannot listen at ${where}: ${error.message}.`, {
    hint: 'Choose another address with --listen, such as UNIX:/tmp/phone.sock',
    cause: error,
  });
}

/** A socket file that nobody listens at any more is in the way of a new one. */
async function clearStaleSocket(path: string): Promise<void> {
  const state = await new Promise<'alive' | 'stale' | 'none'>((resolve) => {
    const probe = createConnection({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve('alive');
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED' ? 'stale' : 'none'));
  });
  if (state === 'alive') {
    throw new IbkError('in_use', `Another program listens at UNIX:${path}.`, {
      hint: 'Choose another address with --listen.',
    });
  }
  if (state === 'stale') await rm(path, { force: true });
}
