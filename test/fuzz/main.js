// `npm run fuzz [-- SECONDS]`: test/fuzz for as long as is wished (default: a minute), all targets alike.
import { spawnSync } from 'node:child_process';

const seconds = process.argv[2] ?? '60';
if (!/^[1-9]\d{0,6}$/.test(seconds)) {
  console.error(`${seconds}: not a number of seconds`);
  process.exit(2);
}
const { status } = spawnSync('npx', ['vitest', 'run', '--config', 'test/vitest.config.ts', 'test/fuzz'], {
  stdio: 'inherit',
  env: { ...process.env, IBK_FUZZ_SECONDS: seconds },
});
process.exit(status ?? 1);
