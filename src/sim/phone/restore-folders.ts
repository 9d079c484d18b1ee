/** Where the bytes of restored files lie: with the phones' other state, else in the temp folder, for as long as the simulator runs. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export class RestoreFolders {
  #temporary: Promise<string> | undefined;

  /** @param stateFolder undefined: the phones are gone when the simulator ends */
  constructor(private readonly stateFolder: string | undefined) {}

  /** A new, empty folder. */
  async next(): Promise<string> {
    const parent = await this.#parent();
    const folder = await mkdtemp(join(parent, 'restored-'));
    await mkdir(join(folder, 'files'), { mode: 0o700 });
    return folder;
  }

  async close(): Promise<void> {
    if (this.#temporary !== undefined) await rm(await this.#temporary, { recursive: true, force: true });
  }

  async #parent(): Promise<string> {
    if (this.stateFolder !== undefined) return resolve(this.stateFolder);
    this.#temporary ??= mkdtemp(join(tmpdir(), 'ibk-sim-'));
    return this.#temporary;
  }
}
