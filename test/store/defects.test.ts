/** Each deliberate defect is found by the same histories that the engine passes. IBK_STORE_DEFECT_HISTORIES: how many are tried (default 3000). */
import { describe, expect, test } from 'vitest';
import { DEFECTS, engineWith } from '../support/store-defects.js';
import { playHistory } from '../support/store-world.js';

const SEARCH = process.env['IBK_STORE_DEFECT_HISTORIES'] !== undefined;
const MOST = Number(process.env['IBK_STORE_DEFECT_HISTORIES'] ?? 3000);

describe('a defect is found', () => {
  for (const defect of DEFECTS) {
    test(defect.name, { timeout: 1800_000 }, async () => {
      const { engine, remove } = await engineWith(defect);
      try {
        let found: string | undefined;
        let tried = 0;
        while (found === undefined && tried < MOST) {
          // First the history that is known to find it.
          const seed = tried === 0 && !SEARCH ? defect.knownSeed : 1_000_000 + tried;
          tried += 1;
          try {
            await playHistory(engine, seed, { foreign: defect.foreign === true });
          } catch (error) {
            found = error instanceof Error ? error.message : String(error);
          }
        }
        if (SEARCH)
          console.log(
            `${defect.name}: ${found === undefined ? 'not found' : `after ${tried}: ${found.slice(0, 200)}`}`,
          );
        expect(found).toBeDefined();
      } finally {
        await remove();
      }
    });
  }
});
