/**
 * Gives every file of a backup a path of its own in the place where it goes: safe there, and no two the same.
 *
 * The same files in the same order get the same names, so that a second run finds what the first one wrote.
 */
import { nameKey, type NameStyle, numbered, type PlaceRules, safeName, STRICTEST_PLACE } from './name-rules.js';
import { TakenNames } from './taken-names.js';

export interface PlacedPath {
  /** Parts joined by `/`; never absolute, never with `..`. Empty: the top itself. */
  readonly path: string;
  /** Its last part is not the one that was wanted. */
  readonly renamed: boolean;
}

interface Folder extends PlacedPath {
  readonly number: number;
}

export class NameTree {
  readonly #style: NameStyle;
  readonly #place: PlaceRules;
  readonly #taken = new TakenNames();
  /** By the path as the phone has it. */
  readonly #folders = new Map<string, Folder>([['', { path: '', renamed: false, number: 0 }]]);
  /** Names that were wanted twice -> the next number to try. */
  readonly #next = new Map<string, number>();

  readonly #onFolder: (from: string, to: string) => void;

  /** @param onFolder told of each folder that gets another name, once */
  constructor(place: PlaceRules, style: NameStyle, onFolder: (from: string, to: string) => void = () => {}) {
    this.#onFolder = onFolder;
    this.#style = style;
    this.#place = style === 'portable' ? STRICTEST_PLACE : place;
  }

  /** Undefined: a part of it cannot be kept as a name. */
  file(parts: readonly string[]): PlacedPath | undefined {
    const name = parts.at(-1);
    const folder = this.#folder(parts.length - 1, parts);
    return name === undefined || folder === undefined ? undefined : this.#give(folder, name);
  }

  /** The same folder each time it is asked for. */
  folder(parts: readonly string[]): PlacedPath | undefined {
    return this.#folder(parts.length, parts);
  }

  #folder(depth: number, parts: readonly string[]): Folder | undefined {
    const key = depth === parts.length ? parts.join('/') : parts.slice(0, depth).join('/');
    const known = this.#folders.get(key);
    if (known !== undefined || depth < 1) return known;
    const above = this.#folder(depth - 1, parts);
    const given = above === undefined ? undefined : this.#give(above, parts[depth - 1] ?? '');
    if (given === undefined) return undefined;
    const folder = { ...given, number: this.#folders.size };
    this.#folders.set(key, folder);
    if (folder.renamed) this.#onFolder(key, folder.path);
    return folder;
  }

  #give(folder: Folder, wanted: string): PlacedPath | undefined {
    const safe = safeName(wanted, this.#place, this.#style);
    if (safe === undefined) return undefined;
    const name = this.#free(folder, safe);
    return {
      path: folder.path === '' ? name : `${folder.path}/${name}`,
      renamed: name !== wanted,
    };
  }

  #free(folder: Folder, name: string): string {
    const key = nameKey(name, this.#place);
    if (this.#taken.take(folder.number, key)) return name;
    const counter = `${folder.number}/${key}`;
    for (let number = this.#next.get(counter) ?? 2; ; number++) {
      const other = numbered(name, number);
      if (!this.#taken.take(folder.number, nameKey(other, this.#place))) continue;
      this.#next.set(counter, number + 1);
      return other;
    }
  }
}
