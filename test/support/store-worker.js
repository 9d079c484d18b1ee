// Backs up one state of the scripted phone with the built engine: node store-worker.js ROOT N. IBK_TEST_KILL_AT=n kills it at the nth change of the disk.
// Prints one line: {"versionId": …, "changes": how many times the disk was changed}.
import { KILL_POINT_VARIABLE, killPoint } from '../../dist/backup/disk/kill-point.js';
import { BackupStore } from '../../dist/backup/store.js';
import { sendState, UDID } from './scripted-phone.js';

const [root, n] = [process.argv[2], Number(process.argv[3])];
const kill = killPoint(process.env[KILL_POINT_VARIABLE]);
let changes = 0;
const store = new BackupStore(root, UDID, {
  beforeChange: (what) => {
    changes += 1;
    kill?.(what);
  },
});
const lease = await store.lease({ command: `backup of state ${n}` });
try {
  await sendState(lease, n);
  const { version } = await lease.commit({ date: Date.UTC(2026, 0, 1) + n * 60_000 });
  console.log(JSON.stringify({ versionId: version.id, changes }));
} finally {
  lease.abort();
}
