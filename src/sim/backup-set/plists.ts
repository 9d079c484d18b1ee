/** Status.plist and Manifest.plist as the phone writes them (backup format notes, 2.2 and 2.3). */
import { buildBinaryPlist } from '../../plist/codec.js';
import { type PlistDict, plistDict } from '../../plist/value.js';
import { CONTENT_APPS, containerOf } from '../content/domains.js';
import type { ContentItem } from '../content/item.js';
import type { IosProfile } from '../profile.js';

export type SnapshotState = 'uploading' | 'moving' | 'removing' | 'finished';

export interface StatusFacts {
  /** `Version`: 2.4 up to iOS 9, 3.3 later. */
  readonly version: string;
  /** Upper-case UUID of this backup. */
  readonly uuid: string;
  readonly date: Date;
  readonly state: SnapshotState;
  readonly isFull: boolean;
}

/** Six keys; 189 bytes for a finished one, as in logs of real phones. */
export function encodeStatus(facts: StatusFacts): Buffer {
  return buildBinaryPlist(
    plistDict({
      SnapshotState: facts.state,
      UUID: facts.uuid,
      Date: facts.date,
      BackupState: 'new',
      Version: facts.version,
      IsFullBackup: facts.isFull,
    }),
  );
}

export interface ManifestFacts {
  readonly profile: IosProfile;
  readonly date: Date;
  readonly encrypted: boolean;
  readonly passcodeSet: boolean;
  readonly keybag: Buffer;
  /** Class and wrapped key of Manifest.db (44 bytes); absent in plain backups and up to iOS 10.1. */
  readonly manifestKey: Buffer | undefined;
  readonly lockdown: PlistDict;
  readonly items: readonly ContentItem[];
}

export function encodeManifestPlist(facts: ManifestFacts): Buffer {
  return buildBinaryPlist(
    plistDict({
      Version: facts.profile.manifestVersion,
      SystemDomainsVersion: facts.profile.systemDomainsVersion,
      Date: facts.date,
      IsEncrypted: facts.encrypted,
      WasPasscodeSet: facts.passcodeSet,
      BackupKeyBag: facts.keybag,
      ManifestKey: facts.manifestKey,
      Lockdown: facts.lockdown,
      Applications: applications(facts.items),
    }),
  );
}

/** One entry for each app, group or plug-in that owns a domain. */
function applications(items: readonly ContentItem[]): PlistDict {
  const result = plistDict();
  for (const domain of new Set(items.map((item) => item.domain))) {
    const container = containerOf(domain);
    if (container === undefined) continue;
    const app = CONTENT_APPS.find(({ bundleId }) => bundleId === container.id);
    result[container.id] = plistDict({
      CFBundleIdentifier: container.id,
      CFBundleVersion: app?.version ?? '1.0',
      ContainerContentClass: container.contentClass,
      Path:
        container.contentClass === 'Data/Application'
          ? `/var/containers/Bundle/Application/${container.id}`
          : undefined,
    });
  }
  return result;
}
