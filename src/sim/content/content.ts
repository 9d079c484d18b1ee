/** The content of one simulated iPhone: from a seed or a folder, changed by mutations, kept as a few numbers. */
import { asArray, asDict, asInteger, field, optionalBoolean, optionalString } from '../../plist/fields.js';
import type { PlistValue } from '../../plist/value.js';
import type { ScenarioSet } from '../scenario.js';
import { completeTree, freshFile, freshLink, itemKey } from './assemble.js';
import { hashContent } from './bytes.js';
import { scanContentFolder } from './folder.js';
import { belongsToBackup, type ContentItem, type TreeEntry } from './item.js';
import { applyMutation, type Mutation, type MutationReport } from './mutation.js';
import { readRestored, saveRestored } from './restored.js';
import { planSeededFiles, type SeededOptions } from './seeded.js';
import { parseByteCount } from './sizes.js';

/** Everything that makes up a phone's content: small, and JSON. */
export interface ContentState {
  readonly seed: number;
  readonly files?: number;
  readonly bytes?: number;
  readonly evenSizes?: boolean;
  readonly hugeFileBytes?: number;
  /** Content comes from this folder, not from the seed. */
  readonly folder?: string;
  /** Content is what a restore has left in this folder (restored.ts). */
  readonly restored?: string;
  readonly mutations: readonly Mutation[];
}

/** What scenarios change about content from a seed (`even-sizes`, `huge-file=SIZE`). @throws IbkError `usage` */
export function withContentScenarios(options: SeededOptions, scenarios: ScenarioSet): SeededOptions {
  const huge = scenarios.value('huge-file');
  return {
    ...options,
    ...(scenarios.has('even-sizes') ? { evenSizes: true } : {}),
    ...(huge === undefined ? {} : { hugeFileBytes: parseByteCount(huge, 'Scenario huge-file') }),
  };
}

export class PhoneContent {
  #state: Omit<ContentState, 'mutations'>;
  #mutations: Mutation[];
  /** Of content from a seed, after all mutations; content from a folder is read anew each time. */
  #items: readonly ContentItem[] | undefined;
  readonly #hashes = new Map<string, TreeEntry>();

  private constructor(state: ContentState) {
    const { mutations, ...rest } = state;
    this.#state = rest;
    this.#mutations = [...mutations];
  }

  static fromSeed(options: SeededOptions): PhoneContent {
    return new PhoneContent({ ...options, mutations: [] });
  }

  /** `<folder>/<Domain>/<relative path>`. `seed` decides keys and mutations. */
  static fromFolder(folder: string, seed: number): PhoneContent {
    return new PhoneContent({ seed, folder, mutations: [] });
  }

  /** Takes back what `toState` gave, after a way through JSON. @throws IbkError `device_error` naming the wrong field. */
  static fromState(state: unknown): PhoneContent {
    const dict = asDict(state as PlistValue, 'content state');
    const count = (key: string) => {
      const value = field(dict, key);
      return value === undefined ? {} : { [key]: asInteger(value, `content state ${key}`) };
    };
    const folder = optionalString(dict, 'folder');
    const restored = optionalString(dict, 'restored');
    const mutations = asArray(field(dict, 'mutations'), 'content state mutations').map((value, i) => {
      const mutation = asDict(value, `content state mutations[${i}]`);
      const number = (key: string) => asInteger(field(mutation, key), `content state mutations[${i}].${key}`);
      return { add: number('add'), change: number('change'), remove: number('remove'), rename: number('rename') };
    });
    return new PhoneContent({
      seed: asInteger(field(dict, 'seed'), 'content state seed'),
      ...count('files'),
      ...count('bytes'),
      ...count('hugeFileBytes'),
      ...(optionalBoolean(dict, 'evenSizes') === true ? { evenSizes: true } : {}),
      ...(folder === undefined ? {} : { folder }),
      ...(restored === undefined ? {} : { restored }),
      mutations,
    });
  }

  toState(): ContentState {
    return { ...this.#state, mutations: [...this.#mutations] };
  }

  get mutationCount(): number {
    return this.#mutations.length;
  }

  /** Every file, directory and link, sorted: domains together, parents before children. */
  async items(): Promise<readonly ContentItem[]> {
    if (this.#items !== undefined) return this.#items;
    const items = await this.#build();
    if (!this.#readAnew) this.#items = items;
    return items;
  }

  /** Changes the content. The same for the same seed and the same history. */
  async mutate(mutation: Mutation): Promise<MutationReport> {
    const items = new Map((await this.items()).map((item) => [itemKey(item), item]));
    this.#mutations.push(mutation);
    this.#items = undefined;
    const report = applyMutation(items, this.#state.seed, this.#mutations.length, mutation);
    if (!this.#readAnew) this.#items = completeTree(this.#state.seed, items.values());
    return report;
  }

  /** A folder that somebody else may change. */
  get #readAnew(): boolean {
    return this.#state.folder !== undefined;
  }

  /**
   * From now on the phone holds these, which it finds in `folder` again when it starts. Their sources stay where they are.
   * @throws a system error
   */
  async replace(items: readonly ContentItem[], folder: string): Promise<void> {
    const { seed } = this.#state;
    const complete = completeTree(seed, items);
    await saveRestored(folder, complete);
    this.#state = { seed, restored: folder };
    this.#mutations = [];
    this.#items = complete;
    this.#hashes.clear();
  }

  /** A phone as it comes out of its box: no file of anybody. */
  erase(): void {
    this.#state = { seed: this.#state.seed, files: 0, bytes: 0 };
    this.#mutations = [];
    this.#items = [];
    this.#hashes.clear();
  }

  /** `domain/relativePath` of every regular file that a backup of this kind holds, with the hash of its plain content. */
  async tree(encrypted: boolean): Promise<Record<string, TreeEntry>> {
    const tree: Record<string, TreeEntry> = Object.create(null);
    for (const item of await this.items()) {
      if (item.kind !== 'file' || !belongsToBackup(item, encrypted)) continue;
      const key = `${item.source.id}\0${item.source.revision}`;
      let entry = this.#hashes.get(key);
      if (entry === undefined) {
        entry = { ...(await hashContent(item)), mode: item.mode, mtime: item.modified };
        this.#hashes.set(key, entry);
      }
      tree[itemKey(item)] = { ...entry, mode: item.mode, mtime: item.modified };
    }
    return tree;
  }

  async #build(): Promise<ContentItem[]> {
    const { seed, folder, restored } = this.#state;
    const fresh =
      restored !== undefined
        ? await readRestored(restored)
        : folder === undefined
          ? this.#fresh()
          : await scanContentFolder(folder);
    // Directories first: they stay when their last file goes, as they do when a mutation is applied to a running phone.
    const items = new Map(completeTree(seed, fresh).map((item) => [itemKey(item), item]));
    this.#mutations.forEach((mutation, i) => {
      applyMutation(items, seed, i + 1, mutation);
    });
    return completeTree(seed, items.values());
  }

  #fresh(): ContentItem[] {
    const { seed, files = 0, bytes = 0, evenSizes, hugeFileBytes } = this.#state;
    const options = {
      ...{ seed, files, bytes },
      ...(evenSizes === undefined ? {} : { evenSizes }),
      ...(hugeFileBytes === undefined ? {} : { hugeFileBytes }),
    };
    const plan = planSeededFiles(options);
    const facts = plan.files.map((file, i) => freshFile(seed, file, 1000 + i));
    const links = plan.links.map((link, i) => freshLink(seed, link, 900 + i));
    return [...facts, ...links];
  }
}
