/**
 * The limit: a client that does what a backup must, and throws away the payload. It keeps names and sizes, so that its listings are truthful,
 * and the few files that the phone reads back.
 */
import { systemClock } from '../../dist/io/clock.js';
import { BackupSession } from '../../dist/operations/backup-session.js';
import { openSelected } from '../../dist/operations/open-device.js';
import { selectDevices } from '../../dist/operations/select-device.js';
import { DEFAULT_TIMEOUTS } from '../../dist/protocol/context.js';
import { parseMuxAddress } from '../../dist/protocol/usbmux/address.js';
import { UsbmuxClient } from '../../dist/protocol/usbmux/client.js';

const KEPT = /\/(Status\.plist|Manifest\.(plist|db|mbdb))$/;

class DiscardingHost {
  /** path -> { sizeBytes, content }; folders have no entry, they are what paths run through. */
  #files = new Map();

  freeSpace() {
    return 1e12;
  }

  receive(path) {
    const chunks = KEPT.test(path) ? [] : undefined;
    let sizeBytes = 0;
    return {
      write: (chunk) => {
        sizeBytes += chunk.length;
        chunks?.push(Buffer.from(chunk));
      },
      commit: () =>
        void this.#files.set(path, { sizeBytes, content: chunks === undefined ? undefined : Buffer.concat(chunks) }),
      discard: () => undefined,
    };
  }

  open(path) {
    const content = this.#files.get(path)?.content;
    if (content === undefined) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    let at = 0;
    return {
      read: async () => {
        const block = content.subarray(at, at + 1024 * 1024);
        at += block.length;
        return Buffer.from(block);
      },
      close: () => undefined,
    };
  }

  move(from, to) {
    const file = this.#files.get(from);
    if (file === undefined) return;
    this.#files.delete(from);
    this.#files.set(to, file);
  }

  copy() {}

  remove(path) {
    if (this.#files.delete(path)) return;
    for (const name of this.#files.keys()) if (name.startsWith(`${path}/`)) this.#files.delete(name);
  }

  list(path) {
    const entries = new Map();
    for (const [name, { sizeBytes }] of this.#files) {
      if (!name.startsWith(`${path}/`)) continue;
      const rest = name.slice(path.length + 1);
      const [first] = rest.split('/');
      const type = first === rest ? 'file' : 'directory';
      entries.set(first, { name: first, type, sizeBytes: type === 'file' ? sizeBytes : 0, modified: new Date() });
    }
    return [...entries.values()];
  }

  makeDirectory() {}
}

const nothing = () => {};
const IGNORE = { onRequest: nothing, onFreeSpace: nothing, onHostFailure: nothing, onFailedUpload: nothing };
const clock = systemClock;
const timeouts = DEFAULT_TIMEOUTS;
const address = parseMuxAddress(process.env.USBMUXD_SOCKET_ADDRESS, process.platform);
const ctx = {
  muxer: new UsbmuxClient({ address, platform: process.platform, clock, timeouts }),
  signal: new AbortController().signal,
  clock,
  timeouts,
  onEvent: () => {},
};
const [device] = await selectDevices(ctx, { udids: [], link: 'any', waitMs: 0 });
const held = await openSelected(ctx, device, { pair: 'never' });
const session = new BackupSession(held.device, clock);
const proxy = await session.openNotifications(ctx);
const afc = await session.openAfc(ctx);
const backup = await session.openBackup(ctx);
await session.lockSync(ctx, afc, proxy);
const answer = await backup.backup({ udid: device.udid, full: true }, new DiscardingHost(), IGNORE);
await session.release(false);
if (answer.errorCode !== 0) throw new Error(`the phone answered ${answer.errorCode}: ${answer.description}`);
await held[Symbol.asyncDispose]?.();
