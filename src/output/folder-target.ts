/**
 * Writes files into a folder. A file is written under a name of its own and then renamed: whatever ends the run, no half file has a final name.
 *
 * Nothing is written through a link: a folder is looked at once before it is used, and links are made when everything else is there.
 * Folders are 0700 until the end; then those that the backup describes get their modes and times, inner ones first.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { codeOf } from '../io/system-code.js';
import type { EntryContent, EntryFacts, OutputTarget, Written } from './output-target.js';
import { SMALL_BYTES } from './output-target.js';
import { EntryRefused, writing } from './output-errors.js';

/** What happens to a file that is there: it stays, is replaced where the backup's is newer, or in any case. */
export type Overwrite = 'never' | 'if-newer' | 'always';

export const OVERWRITES: readonly Overwrite[] = ['never', 'if-newer', 'always'];

export interface FolderOptions {
  readonly overwrite: Overwrite;
  readonly platform: NodeJS.Platform;
  /** Bits that new files and folders must not have. */
  readonly umask: number;
}

export interface FileMaking {
  /** Threads put their number before it. */
  readonly temporaryName: string;
  readonly umask: number;
  /** An earlier mtime is set first: it becomes the time of birth. */
  readonly keepsBirth: boolean;
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);

export class FolderTarget implements OutputTarget {
  readonly name = 'folder';
  readonly #top: string;
  readonly #options: FolderOptions;
  /** Folders that are there and are no links; true: made by us, so that nothing can be in them yet. */
  readonly #folders = new Map<string, boolean>();
  readonly #described: EntryFacts[] = [];
  /** In the folder of the file: the file systems of a folder and its parent may differ. */
  readonly #temporaryName = `.ibk-${randomBytes(6).toString('hex')}.part`;
  #half: string | undefined;
  /** One piece of memory for all small files: each of its own would cost more than its copy. */
  readonly #scratch = Buffer.allocUnsafeSlow(SMALL_BYTES);

  /** @param top absolute, and there; @param fresh it was made for this run */
  constructor(top: string, fresh: boolean, options: FolderOptions) {
    this.#top = top;
    this.#options = options;
    this.#folders.set('', fresh);
  }

  folder(facts: EntryFacts): void {
    writing(() => this.#make(facts.path));
    this.#described.push(facts);
  }

  /** For a thread that writes the file itself: its path, folders made; undefined where `file` has something to say about it. */
  admit(facts: EntryFacts): string | undefined {
    try {
      return this.#mayWrite(facts) ? this.#at(facts.path) : undefined;
    } catch {
      return undefined;
    }
  }

  /** How a file is made here: for the threads. */
  get making(): FileMaking {
    const { umask, platform } = this.#options;
    return { temporaryName: this.#temporaryName, umask, keepsBirth: platform === 'darwin' };
  }

  /** Takes away what a thread wrote, to write it anew. */
  retract({ path }: EntryFacts): void {
    rmSync(this.#at(path), { force: true });
  }

  file(facts: EntryFacts, content: EntryContent, signal?: AbortSignal): Promise<Written> | Written {
    if (!writing(() => this.#mayWrite(facts))) return 'kept';
    if (content.storedBytes > SMALL_BYTES) return this.#largeFile(facts, content, signal);
    const bytes = content.readWhole(this.#scratch);
    writing(() => {
      const file = this.#begin(facts);
      try {
        writeAll(file.fd, bytes);
        this.#setTimes(file.fd, facts);
      } catch (error) {
        file.discard();
        throw error;
      }
      file.keep();
    });
    return 'written';
  }

  async #largeFile(facts: EntryFacts, content: EntryContent, signal?: AbortSignal): Promise<Written> {
    const file = writing(() => this.#begin(facts));
    try {
      for await (const piece of content.pieces(signal)) writing(() => writeAll(file.fd, piece));
      writing(() => this.#setTimes(file.fd, facts));
    } catch (error) {
      file.discard();
      throw error;
    }
    writing(() => file.keep());
    return 'written';
  }

  link(facts: EntryFacts, target: string): Written {
    return writing(() => {
      if (!this.#mayWrite(facts)) return 'kept';
      const path = this.#at(facts.path);
      if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) unlinkSync(path);
      symlinkSync(target, path);
      if (facts.mtime !== null) lutimesSync(path, facts.mtime, facts.mtime);
      return 'written';
    });
  }

  async finish(): Promise<void> {
    for (const { path, mode, mtime } of this.#described.reverse()) {
      const full = this.#at(path);
      try {
        // The top of what was extracted stays closed to others.
        if (path !== '') chmodSync(full, (mode & 0o777 & ~this.#options.umask) | 0o700);
        if (mtime !== null) utimesSync(full, mtime, mtime);
      } catch {
        // A disk without modes or times: what lies in the folder is there all the same.
      }
    }
  }

  async abandon(): Promise<void> {
    if (this.#half !== undefined) rmSync(this.#half, { force: true });
    this.#half = undefined;
  }

  #at(path: string): string {
    return path === '' ? this.#top : `${this.#top}/${path}`;
  }

  /** Makes the folders above an entry, and looks at what is in its place. @throws EntryRefused */
  #mayWrite(facts: EntryFacts): boolean {
    const { overwrite } = this.#options;
    if (this.#make(parentOf(facts.path))) return true;
    const there = lstatSync(this.#at(facts.path), { throwIfNoEntry: false });
    if (there === undefined) return true;
    if (there.isDirectory()) throw new EntryRefused('in_the_way', 'refused: a folder is in its place');
    if (overwrite === 'if-newer') return isOlder(there, facts);
    return overwrite === 'always';
  }

  /** @returns whether it was made by this run. @throws EntryRefused */
  #make(path: string): boolean {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const made = this.#makeOne(path, this.#make(parentOf(path)));
    this.#folders.set(path, made);
    return made;
  }

  /** @param isEmpty nothing is in the folder above, as far as this run knows: names are given once */
  #makeOne(path: string, isEmpty: boolean): boolean {
    const full = this.#at(path);
    if (isEmpty && madeAnew(full)) return true;
    const there = lstatSync(full, { throwIfNoEntry: false });
    if (there?.isDirectory()) return false;
    if (there?.isSymbolicLink())
      throw new EntryRefused('link_in_path', 'refused: a link is in the place of its folder');
    if (there !== undefined) throw new EntryRefused('in_the_way', 'refused: a file is in the place of its folder');
    mkdirSync(full, 0o700);
    return true;
  }

  /** An earlier time first: macOS takes it for the time of birth when it lies before the one that the file has. */
  #setTimes(fd: number, { mtime, btime }: EntryFacts): void {
    const { platform } = this.#options;
    if (platform === 'darwin' && btime !== null && (mtime === null || btime < mtime)) futimesSync(fd, btime, btime);
    if (mtime !== null) futimesSync(fd, mtime, mtime);
  }

  /** A file under a passing name, open for writing. */
  #begin(facts: EntryFacts) {
    const folder = this.#at(parentOf(facts.path));
    const temporary = `${folder}/${this.#temporaryName}`;
    // Never setuid, and always open to its owner: who extracts it wants to read it.
    const mode = (facts.mode & 0o777) | 0o600;
    const fd = openSync(temporary, CREATE, mode);
    this.#half = temporary;
    if ((this.#options.umask & 0o600) !== 0) fchmodSync(fd, mode & ~(this.#options.umask & ~0o600));
    return {
      fd,
      keep: () => {
        try {
          closeSync(fd);
          renameSync(temporary, this.#at(facts.path));
        } catch (error) {
          rmSync(temporary, { force: true });
          throw error;
        } finally {
          this.#half = undefined;
        }
      },
      discard: () => {
        closeSync(fd);
        rmSync(temporary, { force: true });
        this.#half = undefined;
      },
    };
  }
}

/** False: something is there. */
function madeAnew(folder: string): boolean {
  try {
    mkdirSync(folder, 0o700);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function isOlder(there: Stats, { mtime }: EntryFacts): boolean {
  // Disks keep times in steps of up to two seconds (FAT).
  return mtime !== null && mtime - there.mtimeMs / 1000 > 2;
}

/** A disk that is nearly full writes less than it was given. */
export function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '' : path.slice(0, slash);
}
