/** What the lines of a change list amount to: for people, and to know what a version holds without looking at its files. */
import type { FileIdentity } from '../disk/file-identity.js';
import type { ChangeCounts } from './head-record.js';
import { isMetadata } from './names.js';

interface CountedLine {
  readonly p: string;
  readonly old: FileIdentity | null;
  readonly new: FileIdentity | null;
}

/** Add each line of one list, then take `counts`. */
export class ChangeTally {
  readonly #lines = { added: 0, replaced: 0, removed: 0 };
  readonly #payload = { added: 0, replaced: 0, removed: 0, bytesGrown: 0 };
  readonly #bytes = { added: 0, replaced: 0, removed: 0 };
  #metadataGrown = 0;
  #storedBytes = 0;
  #lost = 0;

  /** @param isLost the content of the older side is nowhere: another program overwrote it */
  add(line: CountedLine, isLost = false): void {
    const change = line.old === null ? 'added' : line.new === null ? 'removed' : 'replaced';
    const grown = (line.new?.size ?? 0) - (line.old?.size ?? 0);
    this.#lines[change] += 1;
    if (isMetadata(line.p)) this.#metadataGrown += grown;
    else {
      this.#payload[change] += 1;
      this.#payload.bytesGrown += grown;
      this.#bytes[change] += Math.max(0, (line.new ?? line.old)?.size ?? 0);
    }
    if (isLost) this.#lost += 1;
    else this.#storedBytes += line.old?.size ?? 0;
  }

  /** @param lostAt when it was lost, milliseconds since 1970 */
  counts(lostAt = 0): ChangeCounts {
    return {
      ...this.#lines,
      payload: { ...this.#payload, bytes: { ...this.#bytes } },
      metadataGrown: this.#metadataGrown,
      storedBytes: this.#storedBytes,
      lost: this.#lost === 0 ? null : { files: this.#lost, at: lostAt },
    };
  }
}
