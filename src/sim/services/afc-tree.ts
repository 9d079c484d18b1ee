/** The media partition that AFC shows: a small tree in memory, with flock-like locks. */
import type { ScenarioSet } from '../scenario.js';

export const SYNC_LOCK_PATH = '/com.apple.itunes.lock_sync';

export const AfcStatus = {
  ok: 0,
  headerInvalid: 2,
  unknownPacket: 6,
  invalidArgument: 7,
  notFound: 8,
  isDirectory: 9,
  permissionDenied: 10,
  notSupported: 15,
  exists: 16,
  busy: 17,
  noSpace: 18,
  wouldBlock: 19,
  directoryNotEmpty: 33,
} as const;

/** Nobody stores much here; a client that tries runs into "no space". */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

export class AfcFile {
  readonly kind = 'file';
  data: Buffer;
  /** Who holds it exclusively. */
  holder: object | undefined;

  constructor(data: Buffer) {
    this.data = data;
  }

  /** @returns an AFC status */
  write(at: number, bytes: Buffer): number {
    if (at + bytes.length > MAX_FILE_BYTES) return AfcStatus.noSpace;
    if (at + bytes.length > this.data.length) {
      const grown = Buffer.alloc(at + bytes.length);
      this.data.copy(grown);
      this.data = grown;
    }
    bytes.copy(this.data, at);
    return AfcStatus.ok;
  }
}

export interface AfcDirectory {
  readonly kind: 'directory';
}

export class AfcTree {
  readonly #nodes = new Map<string, AfcFile | AfcDirectory>();
  /** How many further attempts find the sync lock taken. */
  #busyAttempts: number;
  readonly #lockError: number;

  constructor(scenarios: ScenarioSet) {
    this.#busyAttempts = scenarios.number('afc-busy', 0);
    this.#lockError = scenarios.number('afc-lock-error', 0);
    for (const path of ['/', '/Books', '/DCIM', '/Downloads', '/iTunes_Control', '/iTunes_Control/iTunes']) {
      this.#nodes.set(path, { kind: 'directory' });
    }
    const files: Record<string, string> = {
      '/Books/iBooksData2.plist': '<plist version="1.0"><dict><key>Books</key><array/></dict></plist>\n',
      '/iTunes_Control/iTunes/IC-Info.sidv': 'simulated sidv',
      '/iTunes_Control/iTunes/VoiceMemos.plist': '<plist version="1.0"><dict/></plist>\n',
      '/iTunes_Control/iTunes/iTunesPrefs': 'frpd simulated',
      '/iTunes_Control/iTunes/PhotosFolderPrefs': '',
    };
    for (const [path, text] of Object.entries(files)) this.#nodes.set(path, new AfcFile(Buffer.from(text)));
  }

  get(path: string): AfcFile | AfcDirectory | undefined {
    return this.#nodes.get(normal(path));
  }

  paths(): readonly string[] {
    return [...this.#nodes.keys()].sort();
  }

  children(path: string): string[] | undefined {
    if (this.get(path)?.kind !== 'directory') return undefined;
    const prefix = normal(path) === '/' ? '/' : `${normal(path)}/`;
    return this.paths()
      .filter((one) => one !== '/' && one.startsWith(prefix) && !one.slice(prefix.length).includes('/'))
      .map((one) => one.slice(prefix.length));
  }

  /** The file, made if `create`; or the status that says why not. */
  open(path: string, options: { create: boolean; truncate: boolean }): AfcFile | number {
    const clean = normal(path);
    const found = this.#nodes.get(clean);
    if (found?.kind === 'directory') return AfcStatus.isDirectory;
    if (found === undefined) {
      if (!options.create || this.get(parent(clean))?.kind !== 'directory') return AfcStatus.notFound;
      const made = new AfcFile(Buffer.alloc(0));
      this.#nodes.set(clean, made);
      return made;
    }
    if (options.truncate) found.data = Buffer.alloc(0);
    return found;
  }

  /** With parents. */
  makeDirectory(path: string): number {
    const parts = normal(path).split('/').filter(Boolean);
    for (let i = 1; i <= parts.length; i++) {
      const at = `/${parts.slice(0, i).join('/')}`;
      const found = this.#nodes.get(at);
      if (found?.kind === 'file') return AfcStatus.exists;
      if (found === undefined) this.#nodes.set(at, { kind: 'directory' });
    }
    return AfcStatus.ok;
  }

  remove(path: string, recursive: boolean): number {
    const clean = normal(path);
    if (clean === '/') return AfcStatus.permissionDenied;
    if (!this.#nodes.has(clean)) return AfcStatus.notFound;
    const inside = this.paths().filter((one) => one.startsWith(`${clean}/`));
    if (inside.length > 0 && !recursive) return AfcStatus.directoryNotEmpty;
    for (const one of [clean, ...inside]) this.#nodes.delete(one);
    return AfcStatus.ok;
  }

  rename(from: string, to: string): number {
    const node = this.#nodes.get(normal(from));
    if (node?.kind !== 'file') return node === undefined ? AfcStatus.notFound : AfcStatus.notSupported;
    if (this.get(parent(normal(to)))?.kind !== 'directory') return AfcStatus.notFound;
    this.#nodes.delete(normal(from));
    this.#nodes.set(normal(to), node);
    return AfcStatus.ok;
  }

  /** Takes the file for `holder`. @returns an AFC status; `wouldBlock` while somebody else has it */
  lock(path: string, file: AfcFile, holder: object): number {
    if (normal(path) === SYNC_LOCK_PATH) {
      if (this.#lockError !== 0) return this.#lockError;
      if (this.#busyAttempts > 0) {
        this.#busyAttempts -= 1;
        return AfcStatus.wouldBlock;
      }
    }
    if (file.holder !== undefined && file.holder !== holder) return AfcStatus.wouldBlock;
    file.holder = holder;
    return AfcStatus.ok;
  }

  unlock(file: AfcFile, holder: object): void {
    if (file.holder === holder) file.holder = undefined;
  }

  /** Is the sync lock held by anybody? */
  get syncLocked(): boolean {
    const file = this.get(SYNC_LOCK_PATH);
    return file?.kind === 'file' && file.holder !== undefined;
  }
}

function normal(path: string): string {
  return `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`;
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}
