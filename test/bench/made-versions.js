/**
 * Many versions in little time: the store is written to as a phone would that changed a few files each day and sent its manifest. The simulated phone takes
 * seconds for each run; its next one goes on from here, because the manifest still names what it has.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BackupStore } from '../../dist/backup/store.js';

const HASH_FOLDER = /^[0-9a-f]{2}$/;
/** Of an SQLite file: a number that belongs to whoever made it (section 1.3.10 of its format). */
const USER_VERSION_AT = 60;

/** @param filesEach so many get other content of the same size */
export async function makeVersions(root, udid, { count, filesEach, afterEach }) {
  const store = new BackupStore(root, udid);
  const folder = join(root, udid);
  const payloads = readdirSync(folder)
    .filter((name) => HASH_FOLDER.test(name))
    .flatMap((name) => readdirSync(join(folder, name)).map((file) => `${name}/${file}`));
  const manifest = readFileSync(join(folder, 'Manifest.db'));
  const status = readFileSync(join(folder, 'Status.plist'));
  const step = Math.floor(payloads.length / (count * filesEach));
  for (let made = 0; made < count; made++) {
    const lease = await store.lease({ command: 'bench' });
    try {
      for (let i = 0; i < filesEach; i++) {
        const path = payloads[(made * filesEach + i) * step];
        await lease.write(path, randomBytes(statSync(join(folder, path)).size));
      }
      manifest.writeUInt32BE(made + 1, USER_VERSION_AT);
      await lease.write('Manifest.db', manifest);
      await lease.write('Status.plist', status);
      await lease.commit({ date: lease.current.date + 60_000 });
    } finally {
      lease.abort();
    }
    afterEach();
  }
}
