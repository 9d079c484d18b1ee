/** Content for replayed uploads: filler of the recorded size, but for the files that a client reads. */
import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBinaryPlist } from '../../plist/codec.js';
import { type PlistDict, plistDict } from '../../plist/value.js';
import { makeKeybag } from '../backup-set/keybag.js';
import { ManifestDbWriter } from '../backup-set/manifest-db.js';
import { MBDB_MAGIC } from '../backup-set/mbdb.js';
import { encodeStatus, type SnapshotState } from '../backup-set/plists.js';
import type { IosProfile } from '../profile.js';
import type { DeviceLinkStep } from './device-link-steps.js';
import { REPLAY_DATE } from './shape-value.js';

const FILLER = Buffer.alloc(256 * 1024, 'filler of a replayed backup ');
const UUID = '0A1B2C3D-4E5F-4071-8293-A4B5C6D7E8F9';

/** Makes the stand-ins of one replayed backup, in the order in which they are sent. */
export class StandIns {
  readonly #profile: IosProfile;
  readonly #encrypted: boolean;
  readonly #states: SnapshotState[];

  constructor(profile: IosProfile, encrypted: boolean, steps: readonly DeviceLinkStep[]) {
    this.#profile = profile;
    this.#encrypted = encrypted;
    this.#states = statusStates(steps, profile);
  }

  async *content(hostPath: string, bytes: number): AsyncGenerator<Buffer> {
    const special = await this.#special(hostPath.split('/').at(-1) ?? '', bytes);
    if (special !== undefined) yield special;
    else for (let left = bytes; left > 0; left -= FILLER.length) yield FILLER.subarray(0, left);
  }

  async #special(name: string, bytes: number): Promise<Buffer | undefined> {
    switch (name) {
      case 'Status.plist':
        return encodeStatusOf(this.#states.shift() ?? 'finished', this.#profile);
      case 'Manifest.plist':
        return this.#manifestPlist(bytes);
      case 'Manifest.db':
        return this.#encrypted ? undefined : padded(emptyDatabase(), bytes);
      case 'Manifest.mbdb':
        return emptyMbdb(bytes);
      default:
        return undefined;
    }
  }

  async #manifestPlist(bytes: number): Promise<Buffer> {
    const keybag = await makeKeybag({
      label: 'ibk-sim/replay',
      password: this.#encrypted ? 'replayed' : undefined,
      doubleProtection: this.#profile.doubleProtection,
      dpic: 1000,
      iter: 1000,
    });
    const keyed = this.#encrypted && this.#profile.manifest === 'db';
    const values = {
      Version: this.#profile.manifestVersion,
      SystemDomainsVersion: this.#profile.systemDomainsVersion,
      Date: REPLAY_DATE,
      IsEncrypted: this.#encrypted,
      WasPasscodeSet: true,
      BackupKeyBag: keybag.bytes,
      ManifestKey: keyed ? Buffer.concat([Buffer.of(4, 0, 0, 0), Buffer.alloc(40)]) : undefined,
      Lockdown: plistDict({ ProductVersion: this.#profile.version, ProductType: this.#profile.productType }),
      Applications: plistDict(),
    };
    return plistOfSize(plistDict(values), bytes);
  }
}

/** The last one sent is `finished` if the phone reported success; the first is `uploading`; between them the size decides. */
function statusStates(steps: readonly DeviceLinkStep[], profile: IosProfile): SnapshotState[] {
  const sizes = steps.flatMap((step) =>
    step.kind === 'upload'
      ? step.files.filter(({ hostPath }) => hostPath.endsWith('/Status.plist')).map(({ bytes }) => bytes)
      : [],
  );
  const order: readonly SnapshotState[] = ['uploading', 'moving', 'removing', 'finished'];
  const states = sizes.map((bytes, i) => {
    const fitting = order.filter((state) => encodeStatusOf(state, profile).length === bytes);
    return (
      fitting.find((state) => order.indexOf(state) >= Math.min(i, 2)) ?? fitting[0] ?? order[Math.min(i, 2)] ?? 'moving'
    );
  });
  const last = steps.findLast((step) => step.kind === 'send' && step.message[0] === 'DLMessageProcessMessage');
  const response = last?.kind === 'send' ? last.message[1] : undefined;
  if (states.length > 0 && (response as PlistDict | undefined)?.ErrorCode === 0) states[states.length - 1] = 'finished';
  return states;
}

function encodeStatusOf(state: SnapshotState, profile: IosProfile): Buffer {
  return encodeStatus({ version: profile.statusVersion, uuid: UUID, date: REPLAY_DATE, state, isFull: true });
}

/** Adds data to the dictionary until its binary form has this size; as it is when that is already too large. */
function plistOfSize(values: PlistDict, bytes: number): Buffer {
  const bare = buildBinaryPlist(values);
  for (let length = Math.max(0, bytes - bare.length - 40); length <= bytes - bare.length; length++) {
    const full = buildBinaryPlist({ ...values, Replayed: Buffer.alloc(length) });
    if (full.length === bytes) return full;
  }
  return bare;
}

/** A sound manifest database without rows. Bytes after its last page are no part of it. */
function emptyDatabase(): Buffer {
  const path = join(tmpdir(), `ibk-replay-${randomUUID()}.db`);
  try {
    new ManifestDbWriter(path).finish();
    return readFileSync(path);
  } finally {
    rmSync(path, { force: true });
  }
}

/** Directories of a made-up domain, as many and as long as the size wants. */
function emptyMbdb(bytes: number): Buffer {
  const least = record('').length;
  const parts: Buffer[] = [MBDB_MAGIC];
  for (let left = bytes - MBDB_MAGIC.length; left >= least; ) {
    // Never leave a rest that is too small for a record of its own.
    const most = least + 1000;
    const size = left <= most ? left : Math.min(most, left - least);
    parts.push(record('r'.repeat(size - least)));
    left -= size;
  }
  return Buffer.concat(parts);
}

function record(path: string): Buffer {
  const sized = (text: string) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(text.length);
    return Buffer.concat([length, Buffer.from(text)]);
  };
  const none = Buffer.of(0xff, 0xff);
  const fixed = Buffer.alloc(40);
  fixed.writeUInt16BE(0o40755, 0);
  return Buffer.concat([sized('ReplayDomain'), sized(path), none, none, none, fixed]);
}

function padded(content: Buffer, bytes: number): Buffer {
  return bytes <= content.length ? content : Buffer.concat([content, Buffer.alloc(bytes - content.length)]);
}
