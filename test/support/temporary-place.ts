/**
 * Where a test file's temporary folders lie: in memory where the machine has room there, since waiting for a disk takes longer than all that ibk does for a
 * few small files. On a disk what is about disks, and with `IBK_TEST_ALL=1` everything.
 */
import { tmpdir } from 'node:os';
import { expect } from 'vitest';
import { memoryPlace } from './memory-place.js';
import { IS_WHOLE } from './phone-kinds.js';

/** Kills, failures and refusals of a disk, and the kinds of disks. */
const ABOUT_DISKS =
  /\/(store\/(store-on-disk|durability|kill-nine.*)|faults\/(disk-troubles|full-disk)|interop\/disk-kinds)\.test\.ts$/;

// A worker runs many files: the next one is to know what was there before the first.
process.env['IBK_TEST_DISK'] ??= tmpdir();
const place = IS_WHOLE || ABOUT_DISKS.test(expect.getState().testPath ?? '') ? undefined : memoryPlace(process.ppid);
process.env['TMPDIR'] = place ?? process.env['IBK_TEST_DISK'];
