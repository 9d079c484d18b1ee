/**
 * The newest entries of the overlay's index that are received payloads, held outside of the heap: a hundred bytes each, where an object takes three hundred
 * and is moved by every garbage collection. A file that is sent to `Snapshot/` and moved to its place soon after never comes to the database under its first
 * name, and what does comes there in the order of the database's pages.
 *
 * Open addressing over the fileID, with multipliers that a device cannot know: names that were chosen to collide find no chain.
 */
import { randomFillSync } from 'node:crypto';
import type { OverlayFile } from './overlay-index.js';

/** Entries, at most. */
const CAPACITY = 1 << 16;
const SLOT_BITS = 17;
const SLOTS = 1 << SLOT_BITS;
const ID_WORDS = 5;
const SHA256_BYTES = 32;
const PAYLOAD = /^(?:Snapshot\/)?(?:[0-9a-f]{2}\/)?[0-9a-f]{40}$/;
const ID_DIGITS = 40;
const SNAPSHOT_LENGTH = 'Snapshot/'.length;

/** What an entry says. `unknown`: nothing; the name may be in the database. */
const UNKNOWN = 0;
const FILE = 1;
/** The database may have it, and must lose it. */
const DELETED = 2;

/** Of the place: bits. */
const IN_SNAPSHOT = 1;
const IN_FOLDER = 2;
const PLACES = 4;

interface Key {
  place: number;
  readonly id: Uint32Array;
}

export class RecentPayloads {
  readonly #slots = new Int32Array(SLOTS);
  readonly #ids = new Uint32Array(CAPACITY * ID_WORDS);
  readonly #states = new Uint8Array(CAPACITY);
  readonly #places = new Uint8Array(CAPACITY);
  readonly #blobs = new Uint32Array(CAPACITY);
  readonly #sizes = new Float64Array(CAPACITY);
  readonly #times = new Float64Array(CAPACITY);
  /** Not filled with zeros, which would take two megabytes of memory for three files: an entry is written before it is read. */
  readonly #sums = Buffer.allocUnsafeSlow(CAPACITY * SHA256_BYTES);
  /** Entries that say something, by place and first byte of the fileID. */
  readonly #known = new Uint32Array(PLACES * 256);
  readonly #multipliers = randomFillSync(new Uint32Array(ID_WORDS));
  readonly #key: Key = { place: 0, id: new Uint32Array(ID_WORDS) };
  readonly #bytes = Buffer.alloc(ID_WORDS * 4);
  #count = 0;

  get isFull(): boolean {
    return this.#count === CAPACITY;
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

  /** Is anything said of what lies directly in this folder? */
  hasIn(folder: string): boolean {
    const inSnapshot = folder === 'Snapshot' || folder.startsWith('Snapshot/') ? IN_SNAPSHOT : 0;
    const inner = inSnapshot === 0 ? folder : folder.slice(SNAPSHOT_LENGTH);
    if (inner === '') return this.#known.subarray(inSnapshot * 256, (inSnapshot + 1) * 256).some((count) => count > 0);
    const first = /^[0-9a-f]{2}$/.test(inner) ? Number.parseInt(inner, 16) : -1;
    return first >= 0 && (this.#known[(inSnapshot | IN_FOLDER) * 256 + first] ?? 0) > 0;
  }

  /** Tells all, in the order of the paths of each place; then it is empty. Null: deleted. */
  drain(tell: (path: string, file: OverlayFile | null) => void): void {
    const order = new Uint32Array(this.#count);
    let length = 0;
    for (let entry = 0; entry < this.#count; entry++) if (this.#states[entry] !== UNKNOWN) order[length++] = entry;
    for (const entry of order.subarray(0, length).sort((a, b) => this.#compare(a, b))) {
      tell(this.#pathAt(entry), this.#states[entry] === DELETED ? null : this.#fileAt(entry));
    }
    this.#slots.fill(0);
    this.#states.fill(UNKNOWN);
    this.#known.fill(0);
    this.#count = 0;
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
    let id = '';
    for (let word = 0; word < ID_WORDS; word++)
      id += (this.#ids[entry * ID_WORDS + word] ?? 0).toString(16).padStart(8, '0');
    const place = this.#places[entry] ?? 0;
    const name = (place & IN_FOLDER) === 0 ? id : `${id.slice(0, 2)}/${id}`;
    return (place & IN_SNAPSHOT) === 0 ? name : `Snapshot/${name}`;
  }

  #compare(a: number, b: number): number {
    const places = (this.#places[a] ?? 0) - (this.#places[b] ?? 0);
    if (places !== 0) return places;
    for (let word = 0; word < ID_WORDS; word++) {
      const order = (this.#ids[a * ID_WORDS + word] ?? 0) - (this.#ids[b * ID_WORDS + word] ?? 0);
      if (order !== 0) return order;
    }
    return 0;
  }

  #find(path: string): number {
    return this.#search(path, false);
  }

  #take(path: string, state: number): number {
    const entry = this.#search(path, true);
    this.#say(entry, state);
    return entry;
  }

  /** The entry of a path. Where there is none: a new one, else -1. */
  #search(path: string, take: boolean): number {
    const { id, place } = this.#keyOf(path);
    // One that says nothing any more, of the same fileID: that is what a move leaves.
    let free = -1;
    for (let slot = this.#slotOf(id); ; slot = (slot + 1) % SLOTS) {
      const entry = (this.#slots[slot] ?? 0) - 1;
      if (entry < 0) {
        if (!take) return -1;
        return free >= 0 ? this.#set(free, id, place) : this.#add(slot, id, place);
      }
      if (!this.#hasId(entry, id)) continue;
      if (this.#places[entry] === place) return entry;
      if (this.#states[entry] === UNKNOWN) free = entry;
    }
  }

  #add(slot: number, id: Uint32Array, place: number): number {
    const entry = this.#count;
    this.#count += 1;
    this.#slots[slot] = entry + 1;
    return this.#set(entry, id, place);
  }

  #set(entry: number, id: Uint32Array, place: number): number {
    this.#ids.set(id, entry * ID_WORDS);
    this.#places[entry] = place;
    return entry;
  }

  #say(entry: number, state: number): void {
    const known = (this.#places[entry] ?? 0) * 256 + ((this.#ids[entry * ID_WORDS] ?? 0) >>> 24);
    const before = this.#states[entry] === UNKNOWN ? 0 : 1;
    this.#known[known] = (this.#known[known] ?? 0) - before + (state === UNKNOWN ? 0 : 1);
    this.#states[entry] = state;
  }

  #hasId(entry: number, id: Uint32Array): boolean {
    const at = entry * ID_WORDS;
    for (let word = 0; word < ID_WORDS; word++) if (this.#ids[at + word] !== id[word]) return false;
    return true;
  }

  #slotOf(id: Uint32Array): number {
    let hash = 0;
    for (let word = 0; word < ID_WORDS; word++)
      hash = (hash + Math.imul(id[word] ?? 0, (this.#multipliers[word] ?? 0) | 1)) | 0;
    return hash >>> (32 - SLOT_BITS);
  }

  #keyOf(path: string): Key {
    const start = path.length - ID_DIGITS;
    this.#bytes.write(path.slice(start), 0, ID_WORDS * 4, 'hex');
    for (let word = 0; word < ID_WORDS; word++) this.#key.id[word] = this.#bytes.readUInt32BE(word * 4);
    const inSnapshot = start >= SNAPSHOT_LENGTH ? IN_SNAPSHOT : 0;
    const inFolder = start === 3 || start === SNAPSHOT_LENGTH + 3 ? IN_FOLDER : 0;
    this.#key.place = inSnapshot | inFolder;
    return this.#key;
  }
}

const SLASH = 0x2f;
