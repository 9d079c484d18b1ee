#!/usr/bin/env node
// Makes sure that better-sqlite3, the one native package of ibk, can be loaded by this Node.
// A clone installs without running install scripts (.npmrc), so that `npm ci` never dies in the middle of a
// compiler log; this step then fetches the prebuilt binary or compiles it, and says in words what is missing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const project = dirname(dirname(new URL(import.meta.url).pathname));

function loads() {
  const probe = "new (require('better-sqlite3'))(':memory:').close()";
  return spawnSync(process.execPath, ['-e', probe], { cwd: project, stdio: 'ignore' }).status === 0;
}

/** Node's own headers, where a distribution or nvm puts them beside the executable. */
function headersFolder() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node.h')) ? prefix : undefined;
}

function has(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

function missing(headers) {
  const lines = [];
  if (!['c++', 'g++', 'clang++'].some(has)) lines.push('a C++ compiler      (Debian: apt install g++)');
  if (!has('make')) lines.push('make                (Debian: apt install make)');
  if (!has('python3') && !has('python')) lines.push('Python 3            (Debian: apt install python3)');
  if (headers === undefined)
    lines.push("Node's headers      (Debian: apt install libnode-dev; else they are downloaded from nodejs.org)");
  return lines;
}

if (!loads()) {
  try {
    require.resolve('better-sqlite3/package.json');
  } catch {
    process.stderr.write('better-sqlite3 is not installed. Run npm ci first.\n');
    process.exit(1);
  }
  process.stderr.write('Setting up SQLite for this Node (once, about a minute if it must be compiled) …\n');
  const headers = headersFolder();
  const env = { JOBS: 'max', ...process.env, npm_config_ignore_scripts: 'false' };
  // Where it is compiled: a Manifest.db whose header says write-ahead is then read where it lies (src/io/sqlite.ts), and not from a copy.
  env.CFLAGS = `${env.CFLAGS ?? ''} -DSQLITE_USE_URI=1`.trim();
  if (headers !== undefined && env.npm_config_nodedir === undefined) env.npm_config_nodedir = headers;
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const run = spawnSync(npm, ['rebuild', 'better-sqlite3', '--ignore-scripts=false'], {
    cwd: project,
    env,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (!loads()) {
    const lacks = missing(headers);
    process.stderr.write(`${run.stdout ?? ''}${run.stderr ?? ''}\n`);
    process.stderr.write('✗ SQLite (the package better-sqlite3) could not be set up for this Node.\n');
    process.stderr.write('  No prebuilt binary could be fetched, and compiling it failed.\n');
    for (const line of lacks) process.stderr.write(`  Missing: ${line}\n`);
    process.stderr.write('→ Install what is missing, then run the same command again.\n');
    process.exit(1);
  }
}
