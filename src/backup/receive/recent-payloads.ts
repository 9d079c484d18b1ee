/**
 * The newest entries of the overlay's index that are received payloads, held outside of the heap: a hundred bytes each, where an object takes three hundred
 * and is moved by every garbage collection. The payloads of most backups all find room and never come to the database; those of a larger one come there in
 * the order of its pages.
 *
 * Open addressing over the fileID, by a hash that a device cannot know: names that were chosen to collide find no chain.
 */
import { KeyedHash } from './keyed-hash.js';
import type { ListedChild, OverlayFile } from './overlay-entry.js';

/** Entries, at most. */
const CAPACITY = 1 << 16;
const SLOT_BITS = 17;
const SLOTS = 1 << SLOT_BITS;
const ID_BYTES = 20;
const ID_WORDS = ID_BYTES / 4;
const SHA256_BYTES = 32;
const PAYLOAD = /^(?:Snapshot\/)?(?:[0-9a-f]{2}\/)?[0-9a-f]{40}$/;
const ID_DIGITS = 40;
const SNAPSHOT_LENGTH = 'Snapshot/'.length;
const SLASH = 0x2f;

/** What an entry says. `unknown`: nothing; the name may be in the database. */
const UNKNOWN = 0;
const FILE = 1;
/** The database may have it, and must lose it. */
const DELETED = 2;

/** Of the place: bits. */
const IN_SNAPSHOT = 1;
const IN_FOLDER = 2;
const PLACES = 4;

/** A payload that was received, in its place. */
interface PlacedPayload {
  readonly path: string;
  readonly entry: OverlayFile;
}

export class RecentPayloads {
  readonly #slots = new Int32Array(SLOTS);
  readonly #ids = Buffer.allocUnsafeSlow(CAPACITY * ID_BYTES);
  readonly #words = new Uint32Array(this.#ids.buffer);
  readonly #states = new Uint8Array(CAPACITY);
  readonly #places = new Uint8Array(CAPACITY);
  readonly #blobs = new Uint32Array(CAPACITY);
  readonly #sizes = new Float64Array(CAPACITY);
  readonly #times = new Float64Array(CAPACITY);
  /** Not filled with zeros, which would take two megabytes of memory for three files: an entry is written before it is read. */
  readonly #sums = Buffer.allocUnsafeSlow(CAPACITY * SHA256_BYTES);
  /** Entries that say something, by place and first byte of the fileID. */
  readonly #known = new Uint32Array(PLACES * 256);
  readonly #hash = new KeyedHash(ID_WORDS, SLOT_BITS);
  /** FileID and place of the path that was asked for last. */
  readonly #key = Buffer.alloc(ID_BYTES);
  readonly #keyWords = new Uint32Array(this.#key.buffer, this.#key.byteOffset, ID_WORDS);
  #place = 0;
  #count = 0;
  #deletions = 0;
  /** The files in the order of their paths, as long as nothing changes. */
  #order: Uint32Array | undefined;

  get isFull(): boolean {
    return this.#count === CAPACITY;
  }

  /** Is there anything that the database must lose? */
  get hasDeletions(): boolean {
    return this.#deletions > 0;
  }

  /** Is this a name that can be held here? */
  static isFor(path: string): boolean {
    if (!PAYLOAD.test(path)) return false;
    const name = path.length - ID_DIGITS;
    return (
      path.charCodeAt(name - 1) !== SLASH ||
      name === SNAPSHOT_LENGTH ||
      path.startsWith(path.slice(name - 3, name - 1), name)
    );
  }

  /** Null: deleted. Undefined: not known here. Only for a path that `isFor` takes, as all that follow. */
  get(path: string): OverlayFile | null | undefined {
    const entry = this.#find(path);
    const state = entry < 0 ? UNKNOWN : this.#states[entry];
    if (state === UNKNOWN) return undefined;
    return state === DELETED ? null : this.#fileAt(entry);
  }

  put(path: string, { blob, size, mtimeUs, sha256 }: OverlayFile & { readonly blob: number; readonly sha256: string }) {
    const entry = this.#take(path, FILE);
    this.#blobs[entry] = blob;
    this.#sizes[entry] = size;
    this.#times[entry] = mtimeUs;
    this.#sums.write(sha256, entry * SHA256_BYTES, SHA256_BYTES, 'hex');
  }

  /** The database may have it. */
  delete(path: string): void {
    this.#take(path, DELETED);
  }

  /** Nothing is said of it any more. */
  forget(path: string): void {
    const entry = this.#find(path);
    if (entry >= 0) this.#say(entry, UNKNOWN);
  }

  /**
   * `Snapshot/<path>` was received and is now called `path`: what phones do with every file. False: nothing is known here of the one, or something of the
   * other.
   */
  moveUp(path: string): boolean {
    const slot = this.#firstSlot(path);
    if (this.#entryAt(slot, this.#place) >= 0) return false;
    const entry = this.#entryAt(slot, this.#place | IN_SNAPSHOT);
    if (entry < 0 || this.#states[entry] !== FILE) return false;
    this.#say(entry, UNKNOWN);
    this.#places[entry] = this.#place;
    this.#say(entry, FILE);
    return true;
  }

  /** Is anything said of what lies directly in this folder? */
  hasIn(folder: string): boolean {
    const inSnapshot = folder === 'Snapshot' || folder.startsWith('Snapshot/') ? IN_SNAPSHOT : 0;
    const inner = inSnapshot === 0 ? folder : folder.slice(SNAPSHOT_LENGTH);
    if (inner === '') return this.#known.subarray(inSnapshot * 256, (inSnapshot + 1) * 256).some((count) => count > 0);
    const first = /^[0-9a-f]{2}$/.test(inner) ? Number.parseInt(inner, 16) : -1;
    return first >= 0 && (this.#known[(inSnapshot | IN_FOLDER) * 256 + first] ?? 0) > 0;
  }

  /** Is anything said of what lies in this folder or deeper? */
  hasBelow(folder: string): boolean {
    if (folder !== 'Snapshot') return this.hasIn(folder);
    const inFolders = (IN_SNAPSHOT | IN_FOLDER) * 256;
    return this.hasIn(folder) || this.#known.subarray(inFolders, inFolders + 256).some((count) => count > 0);
  }

  /** The files directly in a folder, in the order of their paths. */
  inFolder(folder: string): ListedChild[] {
    const prefix = folder === '' ? '' : `${folder}/`;
    const found: ListedChild[] = [];
    for (const { path, entry } of this.#from(prefix)) {
      if (!path.startsWith(prefix)) break;
      if (path.includes('/', prefix.length)) continue;
      found.push({ path, kind: 'file', size: this.#sizes[entry] ?? 0, mtimeUs: this.#times[entry] ?? 0 });
    }
    return found;
  }

  /** The files behind a path, in the order of their paths. */
  after(path: string, limit: number): PlacedPayload[] {
    const found: PlacedPayload[] = [];
    for (const next of this.#from(path)) {
      if (found.length === limit) break;
      found.push({ path: next.path, entry: this.#fileAt(next.entry) });
    }
    return found;
  }

  /** Path of each file, and the number of its content. */
  *blobs(): Generator<{ readonly path: string; readonly blob: number }, void> {
    for (const { path, entry } of this.#from('')) yield { path, blob: this.#blobs[entry] ?? 0 };
  }

  /** Tells all, in the order of the paths; then it is empty. Null: deleted. */
  drain(tell: (path: string, file: OverlayFile | null) => void): void {
    for (const entry of this.#sorted((state) => state !== UNKNOWN)) {
      tell(this.#pathAt(entry), this.#states[entry] === DELETED ? null : this.#fileAt(entry));
    }
    this.#slots.fill(0);
    this.#states.fill(UNKNOWN);
    this.#known.fill(0);
    this.#count = 0;
    this.#deletions = 0;
    this.#order = undefined;
  }

  /** The files whose paths come after `path`. */
  *#from(path: string): Generator<{ readonly path: string; readonly entry: number }, void> {
    this.#order ??= this.#sorted((state) => state === FILE);
    const order = this.#order;
    let [low, high] = [0, order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#pathAt(order[middle] ?? 0) > path) high = middle;
      else low = middle + 1;
    }
    for (const entry of order.subarray(low)) yield { path: this.#pathAt(entry), entry };
  }

  #sorted(which: (state: number) => boolean): Uint32Array {
    const order = new Uint32Array(this.#count);
    let length = 0;
    for (let entry = 0; entry < this.#count; entry++)
      if (which(this.#states[entry] ?? UNKNOWN)) order[length++] = entry;
    return order.subarray(0, length).sort((a, b) => this.#compare(a, b));
  }

  #fileAt(entry: number): OverlayFile {
    const at = entry * SHA256_BYTES;
    return {
      kind: 'file',
      blob: this.#blobs[entry] ?? 0,
      lower: null,
      size: this.#sizes[entry] ?? 0,
      mtimeUs: this.#times[entry] ?? 0,
      sha256: this.#sums.toString('hex', at, at + SHA256_BYTES),
    };
  }

  #pathAt(entry: number): string {
    const id = this.#ids.toString('hex', entry * ID_BYTES, (entry + 1) * ID_BYTES);
    const place = this.#places[entry] ?? 0;
    const name = (place & IN_FOLDER) === 0 ? id : `${id.slice(0, 2)}/${id}`;
    return (place & IN_SNAPSHOT) === 0 ? name : `Snapshot/${name}`;
  }

  /** As their paths. */
  #compare(a: number, b: number): number {
    const order = this.#rank(a) - this.#rank(b);
    if (order !== 0) return order;
    return this.#ids.compare(this.#ids, b * ID_BYTES, (b + 1) * ID_BYTES, a * ID_BYTES, (a + 1) * ID_BYTES);
  }

  /** What comes first in a path, as a number: digits, `Snapshot`, letters; the fileID's first byte; what lies in a folder before what does not; two bytes more. */
  #rank(entry: number): number {
    const [place, first] = [this.#places[entry] ?? 0, this.#ids[entry * ID_BYTES] ?? 0];
    const group = (place & IN_SNAPSHOT) !== 0 ? 1 : first < 0xa0 ? 0 : 2;
    const flat = (place & IN_FOLDER) === 0 ? 1 : 0;
    return ((group * 256 + first) * 2 + flat) * 65_536 + this.#ids.readUInt16BE(entry * ID_BYTES + 1);
  }

  #find(path: string): number {
    return this.#entryAt(this.#firstSlot(path), this.#place);
  }

  #take(path: string, state: number): number {
    const entry = this.#search(path);
    this.#say(entry, state);
    return entry;
  }

  /** The entry of the key in a place, from the first slot of its chain on; -1: there is none. */
  #entryAt(first: number, place: number): number {
    for (let slot = first; ; slot = (slot + 1) % SLOTS) {
      const entry = (this.#slots[slot] ?? 0) - 1;
      if (entry < 0 || (this.#places[entry] === place && this.#hasKey(entry))) return entry;
    }
  }

  /** The entry of a path, a new one where there is none. */
  #search(path: string): number {
    const first = this.#firstSlot(path);
    const known = this.#entryAt(first, this.#place);
    if (known >= 0) return known;
    for (let slot = first; ; slot = (slot + 1) % SLOTS) {
      const entry = (this.#slots[slot] ?? 0) - 1;
      if (entry < 0) return this.#set(this.#add(slot));
      // One that says nothing any more, of the same fileID: that is what a move leaves.
      if (this.#states[entry] === UNKNOWN && this.#hasKey(entry)) return this.#set(entry);
    }
  }

  #add(slot: number): number {
    const entry = this.#count;
    this.#count += 1;
    this.#slots[slot] = entry + 1;
    return entry;
  }

  #set(entry: number): number {
    this.#key.copy(this.#ids, entry * ID_BYTES);
    this.#places[entry] = this.#place;
    return entry;
  }

  #say(entry: number, state: number): void {
    const known = (this.#places[entry] ?? 0) * 256 + (this.#ids[entry * ID_BYTES] ?? 0);
    const before = this.#states[entry] ?? UNKNOWN;
    const more = (state === UNKNOWN ? 0 : 1) - (before === UNKNOWN ? 0 : 1);
    this.#known[known] = (this.#known[known] ?? 0) + more;
    this.#deletions += (state === DELETED ? 1 : 0) - (before === DELETED ? 1 : 0);
    this.#states[entry] = state;
    this.#order = undefined;
  }

  #hasKey(entry: number): boolean {
    const at = entry * ID_WORDS;
    for (let word = 0; word < ID_WORDS; word++) if (this.#words[at + word] !== this.#keyWords[word]) return false;
    return true;
  }

  /** Takes a path as the key. @returns where its chain begins */
  #firstSlot(path: string): number {
    const start = path.length - ID_DIGITS;
    this.#key.write(start === 0 ? path : path.slice(start), 0, ID_BYTES, 'hex');
    const inSnapshot = start >= SNAPSHOT_LENGTH ? IN_SNAPSHOT : 0;
    const inFolder = start === 3 || start === SNAPSHOT_LENGTH + 3 ? IN_FOLDER : 0;
    this.#place = inSnapshot | inFolder;
    return this.#hash.slotOf(this.#keyWords);
  }
}
