// Looks at the disk before each change that a run of ibk makes: node --import look-at-each.js bin/ibk.js …
//
// What lies in the folders of IBK_TEST_LOOK_IN (joined by ":") at such a moment is what `kill -9` would leave. Files with the bytes of IBK_TEST_MARK are
// written to IBK_TEST_FOUND, one a line. IBK_TEST_KILL: a signal, and at which change this process gets it ("SIGTERM:7", or
// "SIGTERM:found": when something was found).
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';

const { IBK_TEST_LOOK_IN = '', IBK_TEST_MARK = '', IBK_TEST_FOUND = '', IBK_TEST_KILL = '' } = process.env;
const [signal, at] = IBK_TEST_KILL.split(':');
const { readdirSync, readFileSync, appendFileSync } = fs;
const found = new Set();
let changes = 0;
let isLooking = false;
let wasSignalled = IBK_TEST_KILL === '';

function look() {
  // What looks opens files itself.
  if (isLooking) return;
  isLooking = true;
  for (const folder of IBK_TEST_LOOK_IN.split(':')) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      if (!entry.isFile() || found.has(path) || !readFileSync(path).includes(IBK_TEST_MARK)) continue;
      found.add(path);
      appendFileSync(IBK_TEST_FOUND, `${path}\n`);
    }
  }
  isLooking = false;
  changes++;
  if (wasSignalled || (at === 'found' ? found.size === 0 : changes !== Number(at))) return;
  wasSignalled = true;
  process.kill(process.pid, signal);
}

function watch(object, names) {
  for (const name of names) {
    const original = object[name];
    object[name] = function watched(...args) {
      look();
      return original.apply(this, args);
    };
  }
}

watch(fs, ['mkdirSync', 'openSync', 'writeSync', 'renameSync', 'unlinkSync', 'rmSync', 'closeSync']);
watch(fsPromises, ['mkdtemp', 'mkdir', 'open', 'unlink', 'rmdir', 'rm', 'rename', 'copyFile', 'writeFile']);
const handle = await fsPromises.open(process.execPath);
watch(Object.getPrototypeOf(handle), ['write', 'close']);
await handle.close();
syncBuiltinESMExports();
