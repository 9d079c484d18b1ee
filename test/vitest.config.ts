import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**'],
    // Simulated phones make RSA keys and run whole backups: generous, so that a busy machine is not a failure.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    // Files share what a worker has loaded, compiled and derived: a quarter less work. Nothing here keeps state of its own in a module.
    isolate: false,
    // Many tests wait for other programs: one more than there are cores keeps these busy.
    maxWorkers: availableParallelism() + 1,
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/temporary-place.ts'],
  },
});
