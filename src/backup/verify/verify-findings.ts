/** What verify has found so far, file by file. */
import { isMetadata } from '../records/names.js';
import type { ExaminedFile, Fault } from '../versions/examine.js';
import type { ContentFinding } from './verify-content.js';
import type { NamedFile } from './verify-manifest.js';
import type { PartFault } from './verify-parts.js';

export interface BackupFault {
  /** `unreadable`: a part that describes the backup. `unfinished`: the device had not finished. */
  readonly kind: Fault | PartFault;
  /** In the backup folder. */
  readonly path: string;
  /** As the device names it, where the manifest could be read. */
  readonly domain: string | null;
  readonly relativePath: string | null;
}

export interface FileSums {
  /** Files of the device: what the manifest names, else what should be there; and those that are. */
  readonly files: number;
  readonly present: number;
  /** Named, and missing since the device could not send them when the backup was made. No damage. */
  readonly notSent: number;
  readonly bytes: number;
  /** Files whose checksum or digest was compared, and their bytes. */
  readonly compared: number;
  readonly bytesCompared: number;
  /** Neither ibk took a checksum nor did the device send a digest. */
  readonly withoutChecksum: number;
}

export class FileFindings {
  readonly #excused: ReadonlySet<string>;
  readonly #byManifest: boolean;
  readonly #sum = { files: 0, present: 0, notSent: 0, bytes: 0, compared: 0, bytesCompared: 0, withoutChecksum: 0 };
  readonly #faults: BackupFault[] = [];
  /** Files that no row of the manifest names. */
  readonly extra: string[] = [];

  constructor(excused: ReadonlySet<string>, byManifest: boolean) {
    this.#excused = excused;
    this.#byManifest = byManifest;
  }

  /** @param content what its record tells of it, where it was asked */
  add(file: ExaminedFile, named: NamedFile | undefined, content: ContentFinding | undefined): void {
    const { path, sizeBytes } = file;
    const isPayload = !isMetadata(path);
    const fault = file.fault ?? content?.fault;
    const compared = file.compared || content?.compared === true;
    const counts = this.#byManifest ? named !== undefined : isPayload;
    if (counts) {
      this.#sum.files += 1;
      if (fault !== 'missing') this.#sum.present += 1;
    }
    if (isPayload) this.#sum.bytes += sizeBytes;
    if (compared) {
      this.#sum.compared += 1;
      this.#sum.bytesCompared += sizeBytes;
    }
    if (file.withoutChecksum && content?.hasDigest !== true && isPayload) this.#sum.withoutChecksum += 1;
    if (fault !== undefined) this.#fault(fault, path, named);
    else if (this.#byManifest && isPayload && named === undefined) this.extra.push(path);
  }

  /** The manifest names it, and nobody knows of it. */
  missing(named: NamedFile, isFlat: boolean): void {
    this.#sum.files += 1;
    if (this.#excused.has(named.fileId)) {
      this.#sum.notSent += 1;
      return;
    }
    this.#fault('missing', isFlat ? named.fileId : `${named.fileId.slice(0, 2)}/${named.fileId}`, named);
  }

  sums(): FileSums {
    return { ...this.#sum };
  }

  /** Parts that are known to be missing or changed are not told of twice. */
  faults(parts: ReadonlyMap<string, PartFault>): readonly BackupFault[] {
    const told = new Set(this.#faults.map(({ path }) => path));
    const ofParts = [...parts].filter(([path]) => !told.has(path));
    return [...ofParts.map(([path, kind]) => ({ kind, path, domain: null, relativePath: null })), ...this.#faults];
  }

  #fault(kind: Fault, path: string, named: NamedFile | undefined): void {
    this.#faults.push({ kind, path, domain: named?.domain ?? null, relativePath: named?.relativePath ?? null });
  }
}
