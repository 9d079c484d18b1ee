// Makes something happen in the middle of a run of ibk: node --import at-call.js bin/ibk.js …
//
// IBK_TEST_AT names a change of the disk and its number ("rename:3"; "any:40" counts all of them), IBK_TEST_DO a line for the shell, which is run just
// before that change: fill the disk, take it away, run another backup program, or kill this process ($PPID). ibk waits meanwhile: the moment is exact.
// IBK_TEST_COUNT names a file that is told how many changes of each kind there were.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import process from 'node:process';
import { Worker } from 'node:worker_threads';

const { IBK_TEST_AT = '', IBK_TEST_DO = '', IBK_TEST_COUNT } = process.env;
const [kind, number] = IBK_TEST_AT.split(':');
const counts = {};
const { openSync, writeFileSync } = fs;

function count(name) {
  for (const each of [name, 'any']) {
    counts[each] = (counts[each] ?? 0) + 1;
    if (each === kind && counts[each] === Number(number)) {
      spawnSync('sh', ['-c', IBK_TEST_DO], { stdio: ['ignore', 'ignore', 'inherit'] });
    }
  }
}

const CALLS = { mkdirSync: 'mkdir', writeSync: 'write', write: 'write', renameSync: 'rename', unlinkSync: 'unlink' };
for (const [call, name] of Object.entries({
  ...CALLS,
  fsyncSync: 'fsync',
  futimesSync: 'utimes',
  copyFileSync: 'copy',
})) {
  const original = fs[call];
  fs[call] = (...args) => {
    // The terminal's are not the disk's.
    if (name !== 'write' || args[0] > 2) count(name);
    return original(...args);
  };
}
fs.openSync = (path, flags, mode) => {
  const creates = typeof flags === 'number' ? (flags & fs.constants.O_CREAT) !== 0 : /[wa]/.test(flags ?? 'r');
  if (creates) count('create');
  return openSync(path, flags, mode);
};
syncBuiltinESMExports();
// What the thread that writes is about to make.
const { postMessage } = Worker.prototype;
Worker.prototype.postMessage = function post(message, ...rest) {
  if (message?.work === 'append') count('write');
  if (message?.work === 'makeAll') {
    for (const _path of message.paths.split('\0')) {
      count('create');
      count('write');
    }
  }
  return postMessage.call(this, message, ...rest);
};
if (IBK_TEST_COUNT !== undefined) process.on('exit', () => writeFileSync(IBK_TEST_COUNT, JSON.stringify(counts)));
