/**
 * The limit: a client that does what a backup must, and throws away the payload. It keeps names and sizes, so that its listings are truthful,
 * and the few files that the phone reads back.
 *
 *   node discard.js STATE [--full]     STATE: a file that keeps these from one run to the next
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { systemClock } from '../../dist/io/clock.js';
import { collectYoungGarbageOften } from '../../dist/io/young-garbage.js';
import { BackupSession } from '../../dist/operations/backup-session.js';
import { openSelected } from '../../dist/operations/open-device.js';
import { selectDevices } from '../../dist/operations/select-device.js';
import { DEFAULT_TIMEOUTS } from '../../dist/protocol/context.js';
import { parseMuxAddress } from '../../dist/protocol/usbmux/address.js';
import { UsbmuxClient } from '../../dist/protocol/usbmux/client.js';

const KEPT = /\/(Status\.plist|Manifest\.(plist|db|mbdb))$/;

const [, , state, full] = process.argv;

class DiscardingHost {
  /** Folder -> name -> { sizeBytes, content }; folders themselves have no entry, they are what files lie in. */
  #folders;

  constructor(folders) {
    this.#folders = folders;
  }

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
      commit: () => this.#put(path, { sizeBytes, content: chunks && Buffer.concat(chunks) }),
      discard: () => undefined,
    };
  }

  open(path) {
    const [folder, name] = split(path);
    const content = this.#folders.get(folder)?.get(name)?.content;
    if (content === undefined) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    let at = 0;
    return {
      read: async (into) => {
        const count = content.copy(into, 0, at);
        at += count;
        return count;
      },
      close: () => undefined,
    };
  }

  move(from, to) {
    const [folder, name] = split(from);
    const file = this.#folders.get(folder)?.get(name);
    if (file === undefined) return;
    this.#folders.get(folder).delete(name);
    this.#put(to, file);
  }

  copy() {}

  remove(path) {
    const [folder, name] = split(path);
    if (this.#folders.get(folder)?.delete(name)) return;
    for (const each of this.#folders.keys())
      if (each === path || each.startsWith(`${path}/`)) this.#folders.delete(each);
  }

  list(path) {
    const modified = new Date();
    const entries = [...(this.#folders.get(path) ?? [])].map(([name, { sizeBytes }]) => ({
      ...{ name, type: 'file', sizeBytes, modified },
    }));
    for (const folder of this.#folders.keys()) {
      const [above, name] = split(folder);
      if (above === path) entries.push({ name, type: 'directory', sizeBytes: 0, modified });
    }
    return entries;
  }

  makeDirectory(path) {
    if (!this.#folders.has(path)) this.#folders.set(path, new Map());
  }

  #put(path, file) {
    const [folder, name] = split(path);
    this.makeDirectory(folder);
    this.#folders.get(folder).set(name, file);
  }
}

const split = (path) => {
  const cut = path.lastIndexOf('/');
  return [path.slice(0, cut), path.slice(cut + 1)];
};

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
collectYoungGarbageOften(process);
const [device] = await selectDevices(ctx, { udids: [], link: 'any', waitMs: 0 });
const held = await openSelected(ctx, device, { pair: 'never' });
const session = new BackupSession(held.device, clock);
const proxy = await session.openNotifications(ctx);
const afc = await session.openAfc(ctx);
const backup = await session.openBackup(ctx);
await session.lockSync(ctx, afc, proxy);
const folders = existsSync(state) ? deserialize(readFileSync(state)) : new Map();
const answer = await backup.backup(
  { udid: device.udid, full: full !== undefined },
  new DiscardingHost(folders),
  IGNORE,
);
await session.release(false);
if (answer.errorCode !== 0) throw new Error(`the phone answered ${answer.errorCode}: ${answer.description}`);
await held[Symbol.asyncDispose]?.();
writeFileSync(state, serialize(folders));
