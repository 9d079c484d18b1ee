import { afterEach, describe, expect, test } from 'vitest';
import type { IosId } from '../../src/sim/profile.js';
import { readBackup } from '../support/backup-reader.js';
import { type BenchOptions, PhoneBench } from '../support/phone-bench.js';

const benches: PhoneBench[] = [];
afterEach(() => {
  for (const bench of benches.splice(0)) bench.remove();
});

function bench(options: BenchOptions = {}): PhoneBench {
  const made = new PhoneBench(options);
  benches.push(made);
  return made;
}

const IDS: readonly IosId[] = ['9', '12', '15', '17', '26'];
const CASES = IDS.flatMap((ios) => [
  { ios, password: undefined as string | undefined },
  { ios, password: 'correct horse' as string | undefined },
]);

describe('a phone backed up in full, changed, and backed up again', () => {
  test.each(CASES)('iOS $ios, password $password', async ({ ios, password }) => {
    const b = bench({ ios, ...(password === undefined ? {} : { password }) });
    const first = await b.backup();
    expect(b.violations).toEqual([]);
    expect(first.response).toMatchObject({ MessageName: 'Response', ErrorCode: 0 });
    const full = readBackup(b.folder, password);
    expect(full.problems).toEqual([]);
    const tree = await b.phone.content.tree(password !== undefined);
    expect(full.tree).toEqual({ ...tree });
    expect(Object.keys(full.tree).some((name) => name.startsWith('HealthDomain'))).toBe(password !== undefined);
    expect(full.status).toMatchObject({ IsFullBackup: true, BackupState: 'new' });

    const report = await b.phone.content.mutate({ add: 5, change: 4, remove: 3, rename: 2 });
    expect(report.changed).toHaveLength(4);
    const second = await b.backup();
    expect(b.violations).toEqual([]);
    expect(second.response).toMatchObject({ ErrorCode: 0 });
    const after = readBackup(b.folder, password);
    expect(after.problems).toEqual([]);
    expect(after.tree).toEqual({ ...(await b.phone.content.tree(password !== undefined)) });
    expect(after.status.IsFullBackup).toBe(false);
    const payload = second.uploads.filter((path) => /[0-9a-f]{40}$/.test(path));
    // New, changed and renamed files; of those only in encrypted backups none in a plain one.
    expect(payload.length).toBeLessThanOrEqual(11);
    expect(payload.length).toBeGreaterThanOrEqual(8);
    expect(b.phone.stats).toMatchObject({ fullBackups: 1, incrementalBackups: 1, endings: ['response', 'response'] });
  });
});
