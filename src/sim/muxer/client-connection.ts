/** One client of the muxer, until its socket becomes a stream to a phone, or an endless series of events. */
import type { Socket } from 'node:net';
import { field, optionalString } from '../../plist/fields.js';
import { type PlistDict, plistDict } from '../../plist/value.js';
import { PullReader } from '../wire/pull-reader.js';
import type { AttachmentEvent } from './attachments.js';
import { attachedMessage } from './attachments.js';
import { encodeMuxPacket, readMuxPacket, swapPort } from './framing.js';
import type { MuxerState } from './server.js';

/** `Number` of a Result. For pair records the Linux daemon puts an errno there. */
const Result = { ok: 0, badCommand: 1, badDevice: 2, connectionRefused: 3, noEntry: 2, invalid: 22 } as const;

export async function serveMuxClient(socket: Socket, state: MuxerState): Promise<void> {
  await new MuxClientConnection(socket, state).run();
}

class MuxClientConnection {
  readonly #reader: PullReader;
  #program = 'unknown';
  #stopListening: (() => void) | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly state: MuxerState,
  ) {
    this.#reader = new PullReader(socket);
  }

  async run(): Promise<void> {
    try {
      while (await this.#serveOne());
    } finally {
      this.#stopListening?.();
    }
  }

  /** @returns false when this socket has no further packets for the muxer */
  async #serveOne(): Promise<boolean> {
    const packet = await readMuxPacket(this.#reader);
    switch (packet.kind) {
      case 'end':
        this.socket.end();
        return false;
      case 'broken':
        this.state.violation(`usbmuxd: ${packet.why}`);
        this.socket.destroy();
        return false;
      case 'unsupported':
        this.state.violation(`usbmuxd: ${packet.why}`);
        this.#result(packet.tag, packet.result);
        return true;
      case 'plist':
        return this.#request(packet.tag, packet.body);
    }
  }

  async #request(tag: number, request: PlistDict): Promise<boolean> {
    this.#program = optionalString(request, 'ProgName') ?? this.#program;
    const type = optionalString(request, 'MessageType');
    if (this.#stopListening !== undefined) {
      this.state.violation(`usbmuxd: ${String(type)} on a connection that listens`);
      this.#result(tag, Result.badCommand);
      return true;
    }
    switch (type) {
      case 'ListDevices':
        this.#send(tag, plistDict({ DeviceList: this.state.attachments.list.map(attachedMessage) }));
        return true;
      case 'Listen':
        this.#listen(tag);
        return true;
      case 'Connect':
        return this.#connect(tag, request);
      case 'ReadBUID':
        this.#send(tag, plistDict({ BUID: this.state.buid }));
        return true;
      case 'ReadPairRecord':
      case 'SavePairRecord':
      case 'DeletePairRecord':
        this.#send(tag, this.#pairRecord(type, request));
        return true;
      case 'ListListeners':
        this.#send(tag, plistDict({ ListenerList: this.state.listeners() }));
        return true;
      case 'SimulatorControl':
        this.#send(tag, await this.state.control(request));
        return true;
      default:
        this.state.violation(`usbmuxd: unknown MessageType ${JSON.stringify(type)}`);
        this.#result(tag, Result.badCommand);
        return true;
    }
  }

  #listen(tag: number): void {
    this.#result(tag, Result.ok);
    for (const attachment of this.state.attachments.list) this.#send(0, attachedMessage(attachment));
    const stop = this.state.attachments.listen((event) => this.#send(0, eventMessage(event)));
    const leave = this.state.addListener(this.#program);
    this.#stopListening = () => {
      stop();
      leave();
    };
  }

  async #connect(tag: number, request: PlistDict): Promise<boolean> {
    const deviceId = field(request, 'DeviceID');
    const portNumber = field(request, 'PortNumber');
    if (typeof deviceId !== 'number' || typeof portNumber !== 'number' || portNumber < 0 || portNumber > 0xffff) {
      this.state.violation('usbmuxd: Connect without a DeviceID and a 16-bit PortNumber');
      this.#result(tag, Result.badCommand);
      return true;
    }
    const attachment = this.state.attachments.find(deviceId);
    const stream = attachment === undefined ? 'unknown' : this.state.dial(attachment, swapPort(portNumber));
    // Pulling the cable at this moment takes the entry away.
    if (stream === 'unknown' || attachment === undefined || this.state.attachments.find(deviceId) === undefined) {
      this.#result(tag, Result.badDevice);
      return true;
    }
    if (stream === undefined) {
      this.#result(tag, Result.connectionRefused);
      return true;
    }
    this.#reader.release();
    this.#result(tag, Result.ok);
    await stream(this.socket);
    return false;
  }

  #pairRecord(type: string, request: PlistDict): PlistDict {
    const udid = optionalString(request, 'PairRecordID');
    const records = this.state.pairRecords;
    if (udid === undefined || udid === '') return resultMessage(Result.invalid);
    if (type === 'ReadPairRecord') {
      const record = records.read(udid);
      return record === undefined ? resultMessage(Result.noEntry) : plistDict({ PairRecordData: record });
    }
    if (type === 'DeletePairRecord') return resultMessage(records.delete(udid) ? Result.ok : Result.noEntry);
    const record = field(request, 'PairRecordData');
    if (!Buffer.isBuffer(record) || record.length === 0) return resultMessage(Result.invalid);
    records.save(udid, record);
    const deviceId = field(request, 'DeviceID');
    const attachment = typeof deviceId === 'number' ? this.state.attachments.find(deviceId) : undefined;
    if (attachment !== undefined) this.state.attachments.paired(attachment);
    return resultMessage(Result.ok);
  }

  #result(tag: number, number: number): void {
    this.#send(tag, resultMessage(number));
  }

  #send(tag: number, body: PlistDict): void {
    if (!this.socket.destroyed && !this.socket.writableEnded) this.socket.write(encodeMuxPacket(tag, body));
  }
}

function resultMessage(number: number): PlistDict {
  return plistDict({ MessageType: 'Result', Number: number });
}

function eventMessage({ kind, attachment }: AttachmentEvent): PlistDict {
  if (kind === 'attached') return attachedMessage(attachment);
  return plistDict({ DeviceID: attachment.deviceId, MessageType: kind === 'paired' ? 'Paired' : 'Detached' });
}
