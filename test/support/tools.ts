import { spawnSync } from 'node:child_process';
import { describe } from 'vitest';

/** Is a program on the PATH? Debian's tools answer `--version` or at least start. */
export function hasTool(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0;
}

/** For a part of a test that needs another's program: it is there, or the test is to fail without it, as in CI. */
export function mustUseTool(name: string): boolean {
  return hasTool(name) || process.env['IBK_TEST_REQUIRE_TOOLS'] === '1';
}

/**
 * A suite that needs other people's programs. Where one is missing it is skipped and its name says why; with IBK_TEST_REQUIRE_TOOLS=1 (CI)
 * it runs and fails.
 */
export function describeWithTools(title: string, tools: readonly string[], suite: () => void): void {
  const missing = tools.filter((tool) => !hasTool(tool));
  if (tools.every(mustUseTool)) describe(title, suite);
  else describe.skip(`${title} (skipped: ${missing.join(', ')} not installed)`, suite);
}
