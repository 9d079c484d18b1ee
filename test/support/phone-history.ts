/**
 * What a simulated phone held at each of its backups, and what the store gives back of it now. The reference shares no code with the reader: the simulator's
 * own list of its files, and SHA-1 for their names in a backup. For phones without encryption.
 */
import { createHash } from 'node:crypto';
import { BackupStore } from '../../src/backup/store.js';
import { controlSimulator, type Simulator } from '../../src/sim/index.js';

/** SHA-256 by `domain/relativePath`. */
export type PhoneState = ReadonlyMap<string, string>;

export interface ReadBack {
  readonly right: number;
  /** Names in a backup (`ab/ab12…`) of files that the store says are lost. */
  readonly lost: string[];
  /** Other bytes than the phone held, or a file that the store says was never there: never allowed. */
  readonly wrong: string[];
}

export async function stateOf(sim: Pick<Simulator, 'listen'>): Promise<PhoneState> {
  const tree: Record<string, { sha256: string }> = JSON.parse(await controlSimulator(sim.listen, 'tree', {}));
  return new Map(Object.entries(tree).map(([path, { sha256 }]) => [path, sha256]));
}

export function change(sim: Pick<Simulator, 'listen'>): Promise<unknown> {
  return controlSimulator(sim.listen, 'mutate', { Add: 2, Change: 4, Remove: 1 });
}

/** The place of a file in a backup of iOS 10 and later. */
export function placeOf(path: string): string {
  const cut = path.indexOf('/');
  const id = createHash('sha1')
    .update(`${path.slice(0, cut)}-${path.slice(cut + 1)}`)
    .digest('hex');
  return `${id.slice(0, 2)}/${id}`;
}

/** Reads every file that the phone held at the backup `id` through the library. */
export function readBack(root: string, udid: string, id: string, state: PhoneState): Promise<ReadBack> {
  return new BackupStore(root, udid).reading(async (_ctx, reader) => {
    const [lost, wrong]: [string[], string[]] = [[], []];
    for (const [path, sha256] of state) {
      const place = placeOf(path);
      const reading = reader.open(id, place);
      if (reading.state === 'lost') lost.push(place);
      if (reading.state === 'absent' || reading.state === 'no_version') wrong.push(`${place}: ${reading.state}`);
      if (reading.state !== 'found') continue;
      const bytes = Buffer.alloc(reading.file.stat().sizeBytes);
      reading.file.read(bytes, 0);
      reading.file.close();
      if (createHash('sha256').update(bytes).digest('hex') !== sha256) wrong.push(place);
    }
    return { right: state.size - lost.length - wrong.length, lost: lost.sort(), wrong };
  });
}
