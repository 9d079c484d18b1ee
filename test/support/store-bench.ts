/**
 * A phone's backup service and a real store on a disk, on a pair of sockets: all that stands between a hostile phone and the files of a computer, without
 * muxer, trust and TLS. A run takes some ten milliseconds.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { checkReceived } from '../../src/backup/check.js';
import type { StoreLease } from '../../src/backup/lease.js';
import { BackupStore } from '../../src/backup/store.js';
import { systemClock } from '../../src/io/clock.js';
import { StoreHost } from '../../src/operations/store-host.js';
import { buildXmlPlist } from '../../src/plist/codec.js';
import { plistDict } from '../../src/plist/value.js';
import { connectionOf } from '../../src/protocol/connection.js';
import type { LinkEvents } from '../../src/protocol/devicelink/serve.js';
import { MobileBackup2 } from '../../src/protocol/mobilebackup2/client.js';
import { answerError } from '../../src/protocol/mobilebackup2/errors.js';
import { serveMobileBackup2 } from '../../src/sim/mobilebackup2d/serve.js';
import { PhoneBench, socketPair } from './phone-bench.js';
import { treeOf } from './tree.js';

export const NEIGHBOUR = '00000000-0000000000000000';

export interface StoreRun {
  readonly full?: boolean;
  readonly stallMs?: number;
  readonly events?: Partial<LinkEvents>;
  /** Plays the phone in place of the simulated service. */
  readonly service?: (stream: Duplex) => Promise<void>;
}

export class StoreBench {
  readonly bench: PhoneBench;
  /** Holds the root, and things beside it that nobody may touch. */
  readonly place = mkdtempSync(join(tmpdir(), 'ibk-hostile-'));
  readonly root = join(this.place, 'root');
  readonly store: BackupStore;

  constructor(scenarios: readonly string[] = []) {
    // A UDID with letters, no passcode prompt.
    this.bench = new PhoneBench({ ios: '12', scenarios, content: { files: 3, bytes: 3000 } });
    for (const folder of ['', 'Snapshot', 'ab']) mkdirSync(join(this.place, 'outside', folder), { recursive: true });
    writeFileSync(join(this.place, 'outside/x'), 'outside');
    writeFileSync(join(this.place, 'escaped.txt'), 'outside');
    mkdirSync(join(this.root, NEIGHBOUR), { recursive: true });
    writeFileSync(join(this.root, 'escaped.txt'), 'outside');
    writeFileSync(join(this.root, NEIGHBOUR, 'Status.plist'), 'of another phone');
    mkdirSync(join(this.root, '.ibk', NEIGHBOUR), { recursive: true });
    writeFileSync(join(this.root, '.ibk', NEIGHBOUR, 'head.1'), 'of another phone');
    this.store = new BackupStore(this.root, this.udid);
  }

  get udid(): string {
    return this.bench.phone.udid;
  }

  /** Everything but the phone's own folder and its store. */
  outside(): Record<string, string> {
    return treeOf(this.place, [`root/${this.udid}`, `root/.ibk/${this.udid}`]);
  }

  /** The backup as other programs see it. */
  folder(): Record<string, string> {
    return treeOf(join(this.root, this.udid));
  }

  /** As `ibk backup` does it: serve, check, commit. @returns the version */
  async backup(run: StoreRun = {}): Promise<string> {
    const lease = await this.store.lease({ command: 'test' });
    try {
      await lease.write('Info.plist', buildXmlPlist(plistDict({ 'Device Name': 'Bench phone' })));
      await this.#serve(lease, run);
      const { status } = await checkReceived(lease, new Set());
      return (await lease.commit({ date: status.date?.getTime() ?? 0 })).version.id;
    } finally {
      lease.abort();
    }
  }

  async #serve(lease: StoreLease, run: StoreRun): Promise<void> {
    const { near, far } = await socketPair();
    const serve = run.service ?? ((stream: Duplex) => serveMobileBackup2(stream, this.bench.phone));
    const served = serve(far).catch(() => undefined);
    const nothing = () => undefined;
    const events = { onRequest: nothing, onFailedUpload: nothing, onHostFailure: nothing, onFreeSpace: nothing };
    const limits = { stallMs: run.stallMs ?? 20_000, answerMs: 20_000, signal: new AbortController().signal };
    try {
      const backup = await MobileBackup2.open(connectionOf(near), { clock: systemClock, ...limits });
      try {
        const request = { udid: this.udid, full: run.full ?? false };
        const answer = await backup.backup(request, new StoreHost(lease), { ...events, ...run.events });
        if (answer.errorCode !== 0) throw answerError(answer);
      } finally {
        await backup.link.disconnect(AbortSignal.timeout(1000));
      }
    } finally {
      near.destroy();
      await served;
    }
  }

  [Symbol.dispose](): void {
    this.bench.remove();
    rmSync(this.place, { recursive: true, force: true });
  }
}
