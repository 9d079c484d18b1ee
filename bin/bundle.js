/**
 * Puts the modules of the program into fewer files, `dist/program/`: to find, open and link the 250 modules of `ibk backup` one by one takes 0.13 s at each
 * start. A development step, the last of `npm run build`. Packages stay what they are, and so do the modules in `dist/`, for those who use ibk as a library.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));

await build({
  input: `${dist}cli.js`,
  platform: 'node',
  // What is named by its name; a place begins with a point, a slash or the letter of a drive.
  external: /^(?![./]|[A-Za-z]:[\\/])/,
  output: { dir: `${dist}program`, format: 'esm', cleanDir: true },
  logLevel: 'warn',
});
