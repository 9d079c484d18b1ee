/**
 * com.apple.afc: file access to the media partition.
 *
 * Packet: `CFA6LPAA`, then u64 little-endian: entire length, length without payload, packet number (echoed), operation; then parameters and payload.
 */
import type { Duplex } from 'node:stream';
import type { SimulatedPhone } from '../phone/phone.js';
import { PullReader } from '../wire/pull-reader.js';
import { type AfcFile, AfcStatus } from './afc-tree.js';
import type { ServiceHandler } from './service.js';

const HEADER_BYTES = 40;
const MAGIC = Buffer.from('CFA6LPAA', 'latin1');
const MAX_PACKET_BYTES = 8 * 1024 * 1024;
const MAX_HANDLES = 64;

const Op = {
  status: 0x01,
  data: 0x02,
  readDirectory: 0x03,
  remove: 0x08,
  makeDirectory: 0x09,
  fileInfo: 0x0a,
  deviceInfo: 0x0b,
  open: 0x0d,
  openResult: 0x0e,
  read: 0x0f,
  write: 0x10,
  seek: 0x11,
  tell: 0x12,
  tellResult: 0x13,
  close: 0x14,
  setSize: 0x15,
  rename: 0x18,
  lock: 0x1b,
  removeTree: 0x22,
} as const;

/** As traces name them. */
const OP_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(Op).map(([name, op]) => [op, name]));

/** flock operations with LOCK_NB. */
const LOCK_SHARED = 5;
const LOCK_EXCLUSIVE = 6;
const UNLOCK = 12;

interface Handle {
  readonly path: string;
  readonly file: AfcFile;
  readonly readable: boolean;
  readonly writable: boolean;
  at: number;
}

type Answer = { readonly op: number; readonly parameters: Buffer; readonly payload?: Buffer };

export const serveAfc: ServiceHandler = async (stream, phone) => {
  await new AfcSession(stream, phone).run();
};

class AfcSession {
  readonly #reader: PullReader;
  readonly #handles = new Map<bigint, Handle>();
  #nextHandle = 1n;

  constructor(
    private readonly stream: Duplex,
    private readonly phone: SimulatedPhone,
  ) {
    this.#reader = new PullReader(stream);
  }

  async run(): Promise<void> {
    try {
      for (let head = await this.#reader.exactly(HEADER_BYTES); head; head = await this.#reader.exactly(HEADER_BYTES)) {
        if (!(await this.#packet(head))) return;
      }
    } finally {
      for (const handle of this.#handles.values()) this.phone.afc.unlock(handle.file, this);
    }
  }

  /** @returns false when the stream is beyond understanding, or over */
  async #packet(head: Buffer): Promise<boolean> {
    const entire = Number(head.readBigUInt64LE(8));
    const without = Number(head.readBigUInt64LE(16));
    const op = Number(head.readBigUInt64LE(32));
    if (!head.subarray(0, 8).equals(MAGIC) || without < HEADER_BYTES || entire < without || entire > MAX_PACKET_BYTES) {
      this.phone.violation(`afc: bad header ${head.toString('hex')}`);
      return false;
    }
    const body = entire === HEADER_BYTES ? Buffer.alloc(0) : await this.#reader.exactly(entire - HEADER_BYTES);
    if (body === undefined) return false;
    const split = without - HEADER_BYTES;
    const answer = this.#replayed(op) ?? this.#answer(op, body.subarray(0, split), body.subarray(split));
    this.#send(head.readBigUInt64LE(24), answer);
    return true;
  }

  /** What a trace has as the answer. A handle is a number that nobody looks at. */
  #replayed(op: number): Answer | undefined {
    const name = OP_NAMES.get(op);
    const exchange = name === undefined ? undefined : this.phone.replay?.afc(name);
    if (exchange === undefined) return undefined;
    if (exchange.status !== undefined) return status(exchange.status);
    if (exchange.operation === Op.openResult) return { op: Op.openResult, parameters: u64(this.#nextHandle++) };
    return data(Buffer.alloc(Math.max(0, Math.min(exchange.bytes, MAX_PACKET_BYTES) - HEADER_BYTES), 0x2e));
  }

  #answer(op: number, parameters: Buffer, payload: Buffer): Answer {
    const tree = this.phone.afc;
    switch (op) {
      case Op.readDirectory: {
        const names = tree.children(text(parameters));
        return names === undefined ? status(AfcStatus.notFound) : data(list(['.', '..', ...names]));
      }
      case Op.fileInfo: {
        const node = tree.get(text(parameters));
        if (node === undefined) return status(AfcStatus.notFound);
        const size = node.kind === 'file' ? node.data.length : 64;
        const kind = node.kind === 'file' ? 'S_IFREG' : 'S_IFDIR';
        const facts = [
          'st_size',
          `${size}`,
          'st_blocks',
          '8',
          'st_nlink',
          '1',
          'st_ifmt',
          kind,
          'st_mtime',
          '1600000000000000000',
        ];
        return data(list(facts));
      }
      case Op.deviceInfo:
        return data(
          list([
            'Model',
            this.phone.profile.productType,
            'FSTotalBytes',
            '64000000000',
            'FSFreeBytes',
            '21474836480',
            'FSBlockSize',
            '4096',
          ]),
        );
      case Op.makeDirectory:
        return status(tree.makeDirectory(text(parameters)));
      case Op.remove:
        return status(tree.remove(text(parameters), false));
      case Op.removeTree:
        return status(tree.remove(text(parameters), true));
      case Op.rename: {
        const [from = '', to = ''] = parameters.toString('utf8').split('\0');
        return status(tree.rename(from, to));
      }
      case Op.open:
        return this.#open(parameters);
      case Op.read:
      case Op.write:
      case Op.seek:
      case Op.tell:
      case Op.close:
      case Op.setSize:
      case Op.lock:
        return this.#onHandle(op, parameters, payload);
      default:
        this.phone.violation(`afc: unknown operation ${op}`);
        return status(AfcStatus.unknownPacket);
    }
  }

  #open(parameters: Buffer): Answer {
    if (parameters.length < 10 || parameters.at(-1) !== 0) return this.#malformed('open');
    const mode = Number(parameters.readBigUInt64LE(0));
    const path = text(parameters.subarray(8));
    if (mode < 1 || mode > 6) return status(AfcStatus.invalidArgument);
    if (this.#handles.size >= MAX_HANDLES) return status(AfcStatus.noSpace);
    const file = this.phone.afc.open(path, { create: mode !== 1, truncate: mode === 3 || mode === 4 });
    if (typeof file === 'number') return status(file);
    const handle = this.#nextHandle++;
    const readable = mode !== 3 && mode !== 5;
    this.#handles.set(handle, { path, file, readable, writable: mode !== 1, at: mode >= 5 ? file.data.length : 0 });
    return { op: Op.openResult, parameters: u64(handle) };
  }

  #onHandle(op: number, parameters: Buffer, payload: Buffer): Answer {
    if (parameters.length < 8) return this.#malformed(`operation ${op}`);
    const handle = this.#handles.get(parameters.readBigUInt64LE(0));
    if (handle === undefined) return status(AfcStatus.invalidArgument);
    const argument = parameters.length >= 16 ? Number(parameters.readBigUInt64LE(8)) : 0;
    switch (op) {
      case Op.read: {
        if (!handle.readable) return status(AfcStatus.permissionDenied);
        const bytes = handle.file.data.subarray(handle.at, handle.at + argument);
        handle.at += bytes.length;
        return data(bytes);
      }
      case Op.write: {
        if (!handle.writable) return status(AfcStatus.permissionDenied);
        const result = handle.file.write(handle.at, payload);
        if (result === AfcStatus.ok) handle.at += payload.length;
        return status(result);
      }
      case Op.seek: {
        if (parameters.length < 24) return this.#malformed('seek');
        const offset = Number(parameters.readBigInt64LE(16));
        const from = argument === 0 ? 0 : argument === 1 ? handle.at : handle.file.data.length;
        if (from + offset < 0) return status(AfcStatus.invalidArgument);
        handle.at = from + offset;
        return status(AfcStatus.ok);
      }
      case Op.tell:
        return { op: Op.tellResult, parameters: u64(BigInt(handle.at)) };
      case Op.close:
        this.phone.afc.unlock(handle.file, this);
        this.#handles.delete(parameters.readBigUInt64LE(0));
        return status(AfcStatus.ok);
      case Op.lock:
        return this.#lock(handle, argument);
      default:
        return status(AfcStatus.notSupported);
    }
  }

  #lock(handle: Handle, operation: number): Answer {
    if (operation === UNLOCK) {
      this.phone.afc.unlock(handle.file, this);
      return status(AfcStatus.ok);
    }
    if (operation !== LOCK_EXCLUSIVE && operation !== LOCK_SHARED) return this.#malformed(`lock ${operation}`);
    return status(this.phone.afc.lock(handle.path, handle.file, this));
  }

  #malformed(what: string): Answer {
    this.phone.violation(`afc: malformed ${what}`);
    return status(AfcStatus.invalidArgument);
  }

  #send(packet: bigint, answer: Answer): void {
    if (this.stream.destroyed || this.stream.writableEnded) return;
    const payload = answer.payload ?? Buffer.alloc(0);
    const head = Buffer.alloc(HEADER_BYTES);
    MAGIC.copy(head);
    const without = HEADER_BYTES + answer.parameters.length;
    head.writeBigUInt64LE(BigInt(without + payload.length), 8);
    head.writeBigUInt64LE(BigInt(without), 16);
    head.writeBigUInt64LE(packet, 24);
    head.writeBigUInt64LE(BigInt(answer.op), 32);
    this.stream.write(Buffer.concat([head, answer.parameters, payload]));
  }
}

function text(parameters: Buffer): string {
  const end = parameters.indexOf(0);
  return parameters.toString('utf8', 0, end < 0 ? parameters.length : end);
}

function list(items: readonly string[]): Buffer {
  return Buffer.from(items.map((item) => `${item}\0`).join(''), 'utf8');
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function status(code: number): Answer {
  return { op: Op.status, parameters: u64(BigInt(code)) };
}

function data(bytes: Buffer): Answer {
  return { op: Op.data, parameters: Buffer.alloc(0), payload: bytes };
}
