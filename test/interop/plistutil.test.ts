import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildBinaryPlist, buildXmlPlist, parsePlist } from '../../src/plist/codec.js';
import { PlistReal, plistDict } from '../../src/plist/value.js';
import { describeWithTools } from '../support/tools.js';

const SAMPLE = plistDict({
  small: 1,
  negative: -5,
  uint64: 2n ** 63n + 5n,
  reals: [new PlistReal(2), new PlistReal(0.98), new PlistReal(1 / 3), new PlistReal(1e300), new PlistReal(1e-7)],
  yes: true,
  text: `x<>&"' é😀`,
  empty: '',
  data: Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
  none: Buffer.alloc(0),
  list: [],
  dict: plistDict(),
  nest: plistDict({ a: [plistDict({ b: [Buffer.alloc(100), [Buffer.alloc(61, 7)]] })] }),
  date: new Date('2026-11-21T07:06:00Z'),
});

describeWithTools('plistutil', ['plistutil'], () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ibk-plist-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const convert = (bytes: Buffer, format: 'xml' | 'bin') => {
    writeFileSync(join(folder, 'in'), bytes);
    execFileSync('plistutil', ['-i', join(folder, 'in'), '-f', format, '-o', join(folder, 'out')]);
    return readFileSync(join(folder, 'out'));
  };

  test('turns our binary form into exactly our XML form', () => {
    expect(convert(buildBinaryPlist(SAMPLE), 'xml').toString('utf8')).toBe(buildXmlPlist(SAMPLE).toString('utf8'));
  });

  test('turns our XML form into a binary form that we read as the same', () => {
    expect(parsePlist(convert(buildXmlPlist(SAMPLE), 'bin'), 'x')).toEqual(SAMPLE);
  });
});
