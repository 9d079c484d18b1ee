import { existsSync } from 'node:fs';
import { removeMemoryPlace } from './memory-place.js';

/** Golden and interop tests run the built program: say so at once, instead of a hundred times. @returns what is done at the end */
export default function setup(): () => void {
  if (!existsSync(new URL('../../dist/program/cli.js', import.meta.url)))
    throw new Error('dist/ is missing: run npm run build first');
  return () => removeMemoryPlace(process.pid);
}
