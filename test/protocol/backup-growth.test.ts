/** What a backup of a phone on which nothing has happened leaves on the disk: its records and the old manifest, no content. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startSimulator } from '../../src/sim/index.js';
import { temporaryRoot, tryBackup } from '../support/ibk-backup.js';

const CONTENT_BYTES = 4_000_000;
const MOST_GROWTH_BYTES = 1_000_000;

function bytesBelow(folder: string): number {
  let bytes = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const stat = statSync(join(folder, name));
    if (stat.isFile()) bytes += stat.size;
  }
  return bytes;
}

test('an unchanged phone adds less than 1 MB beside the old manifest, by --full too', async () => {
  await using sim = await startSimulator({ ios: ['15'], files: 60, bytes: CONTENT_BYTES, scenarios: ['paired'] });
  await using root = await temporaryRoot();
  const first = await tryBackup({ listen: sim.listen, root: root.path });
  expect(bytesBelow(root.path)).toBeGreaterThan(CONTENT_BYTES);
  for (const full of [true, false]) {
    const before = bytesBelow(root.path);
    const manifest = statSync(join(first.summary.path, 'Manifest.db')).size;
    const { summary } = await tryBackup({ listen: sim.listen, root: root.path, full });
    expect(summary).toMatchObject({ code: 'ok', filesAdded: 0, filesChanged: 0, filesRemoved: 0 });
    expect(summary.bytesReceived > CONTENT_BYTES).toBe(full);
    expect(bytesBelow(root.path) - before - manifest, `full: ${full}`).toBeLessThan(MOST_GROWTH_BYTES);
  }
});
