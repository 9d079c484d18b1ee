/** The three property lists of a backup, each read when it is first asked for; what is missing or cannot be read is undefined. */
import { parsePlist } from '../../plist/codec.js';
import { asDict, optionalString } from '../../plist/fields.js';
import type { PlistDict } from '../../plist/value.js';
import { type BackupManifest, parseManifestPlist } from '../format/manifest-plist.js';
import { LARGE_PLIST_LIMIT, SMALL_PLIST_LIMIT } from '../format/plist-limits.js';
import { type BackupStatus, parseStatusPlist } from '../format/status-plist.js';
import { type BackupSource, readPart } from './backup-source.js';
import type { BackupName } from './password.js';

export class BackupPlists {
  readonly #source: BackupSource;
  #info: { value: PlistDict | undefined } | undefined;
  #manifest: { value: BackupManifest | undefined } | undefined;
  #status: { value: BackupStatus | undefined } | undefined;

  constructor(source: BackupSource) {
    this.#source = source;
  }

  /** May hold icons of ten megabytes and more. */
  get info(): PlistDict | undefined {
    this.#info ??= this.#read('Info.plist', LARGE_PLIST_LIMIT, (bytes) =>
      asDict(parsePlist(bytes, 'Info.plist', { maxBytes: LARGE_PLIST_LIMIT }), 'Info.plist'),
    );
    return this.#info.value;
  }

  get manifest(): BackupManifest | undefined {
    this.#manifest ??= this.#read('Manifest.plist', LARGE_PLIST_LIMIT, parseManifestPlist);
    return this.#manifest.value;
  }

  get status(): BackupStatus | undefined {
    this.#status ??= this.#read('Status.plist', SMALL_PLIST_LIMIT, parseStatusPlist);
    return this.#status.value;
  }

  /** For questions and errors. */
  name(word: string): BackupName {
    const device = this.manifest?.deviceName ?? (this.info && optionalString(this.info, 'Device Name'));
    const udid =
      this.info && (optionalString(this.info, 'Target Identifier') ?? optionalString(this.info, 'Unique Identifier'));
    return { device: device ?? 'this device', udid, madeAt: this.status?.date ?? this.manifest?.date, word };
  }

  #read<T>(name: string, mostBytes: number, parse: (bytes: Buffer) => T): { value: T | undefined } {
    try {
      const bytes = readPart(this.#source, name, mostBytes);
      return { value: bytes === undefined ? undefined : parse(bytes) };
    } catch {
      // Verify tells why; whoever reads does without.
      return { value: undefined };
    }
  }
}
