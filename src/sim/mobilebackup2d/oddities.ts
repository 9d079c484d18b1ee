/** Requests that an ordinary backup does not make, for the scenarios that want them. */
import type { BackupSession } from './session.js';

/** Plays what the scenarios ask for, between the creation of Snapshot and the first payload file. */
export async function playOddities(_session: BackupSession): Promise<void> {}
