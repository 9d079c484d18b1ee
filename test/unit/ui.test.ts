import { describe, expect, test } from 'vitest';
import { chooseBackups } from '../../src/operations/choose-backups.js';
import { asIbkError, ERROR_CATALOG, type ErrorCode, IbkError } from '../../src/errors.js';
import type { ListedBackup } from '../../src/operations/results.js';
import { printError } from '../../src/ui/errors.js';
import { jsonLine } from '../../src/ui/ndjson.js';
import { displayPath, shellWord } from '../../src/ui/paths.js';
import { confirm } from '../../src/ui/prompt.js';
import { renderTable } from '../../src/ui/table.js';
import { displayWidth, printable, shorten, wrap } from '../../src/ui/text.js';
import stringWidth from 'string-width';
import { fakeTerminal } from '../support/fake-terminal.js';

describe('names are data', () => {
  test.each([
    ["Anna's iPhone", "Anna's iPhone"],
    ['iPad mini 📚', 'iPad mini 📚'],
    ['a\x1b[31mb\x07', 'a\\x1b[31mb\\x07'],
    ['a\u202eb\u2066', 'a\\u202eb\\u2066'],
    ['a\nb\tc\r', 'a\\nb\\tc\\r'],
    ['\x9b1m', '\\x9b1m'],
    [' x', '" x"'],
    ['\ud800', '\\ud800'],
    ['👩‍👩‍👧', '👩‍👩‍👧'],
  ])('%j', (name, text) => expect(printable(name)).toBe(text));
  test('JSON keeps them, on one line', () => {
    const name = 'a\n\u2028\u202e\x1b';
    const line = jsonLine({ name });
    expect(line.trimEnd().split(/[\n\u2028]/)).toHaveLength(1);
    expect(JSON.parse(line)).toEqual({ name });
  });
});

describe('widths', () => {
  test.each([
    ['漢字漢字', 5, '漢字…'],
    ['漢字漢字', 8, '漢字漢字'],
    ['👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧', 4, '👩‍👩‍👧…'],
    ['é́é́é́', 2, 'é́…'],
    ['abc', 0, ''],
  ])('%s in %i columns', (text, width, shown) => {
    expect(shorten(text, width)).toBe(shown);
    expect(displayWidth(shorten(text, width))).toBeLessThanOrEqual(width);
  });
  test('a word that is too long is not broken: it may be a path', () => {
    expect(wrap('see /a/very/long/path here', 10)).toEqual(['see', '/a/very/long/path', 'here']);
    expect(wrap('anything at all', undefined)).toEqual(['anything at all']);
  });
});

describe('tables', () => {
  const table = {
    columns: [{ heading: 'Name', flexible: true }, { heading: 'Size', align: 'right' as const }, { heading: 'Path' }],
    rows: [
      [{ text: '漢字' }, { text: '1.0 GB' }, { text: '/a' }],
      [{ text: 'A very long name indeed' }, { text: '9 B' }, { text: '/a/much/longer/path/that/is/never/cut/short' }],
    ],
  };
  test('line up by display width; names are cut on a terminal, paths never', () => {
    expect(renderTable(table, fakeTerminal({ columns: 70 }).out)).toEqual([
      'Name                 Size  Path',
      '漢字               1.0 GB  /a',
      'A very long name…     9 B  /a/much/longer/path/that/is/never/cut/short',
    ]);
    expect(renderTable(table, fakeTerminal().out)[2]).toContain('A very long name indeed');
  });
  test('become key: value on a narrow terminal', () => {
    expect(renderTable(table, fakeTerminal({ columns: 50 }).out).slice(0, 4)).toEqual([
      'Name: 漢字',
      'Size: 1.0 GB',
      'Path: /a',
      '',
    ]);
  });
});

describe('errors', () => {
  test('every code of the catalogue has its screen', async () => {
    const terminal = fakeTerminal({ columns: 80 });
    for (const code of Object.keys(ERROR_CATALOG) as ErrorCode[]) {
      printError(new IbkError(code, 'Something happened.'), terminal.err, { debug: false });
    }
    await expect(terminal.stderr.text).toMatchFileSnapshot('../../fixtures/golden/catalogue.txt');
  });
  test('in three parts, wrapped on a terminal and whole in a pipe', () => {
    const error = new IbkError('device_locked', 'The passcode was not entered on the iPhone in time.', {
      meaning: 'iOS asks at each backup. The last good backup (2026-11-20 08:05) is as it was. More.',
      hint: 'Have the iPhone at hand, then: ibk backup',
      deviceErrorCode: 208,
    });
    const terminal = fakeTerminal({ columns: 80 });
    printError(error, terminal.err, { debug: false });
    expect(terminal.stderr.text).toBe(`✗ The passcode was not entered on the iPhone in time.
  iOS asks at each backup. The last good backup (2026-11-20 08:05) is as it
  was. More.
→ Have the iPhone at hand, then: ibk backup
  device_locked · exit 23 · MBErrorDomain/208
`);
    const pipe = fakeTerminal();
    printError(error, pipe.err, { debug: false });
    expect(pipe.stderr.text.split('\n')).toHaveLength(5);
  });
  test('a name writes no line of its own', () => {
    const terminal = fakeTerminal({ columns: 80 });
    const error = new IbkError('not_paired', 'x\n→ sudo evil\n does not trust this computer.', {
      hint: 'ibk pair -u "x\n→ sudo evil"',
    });
    printError(error, terminal.err, { debug: false });
    expect(terminal.stderr.text.split('\n')).toEqual([
      '✗ x\\n→ sudo evil\\n does not trust this computer.',
      '→ ibk pair -u "x\\n→ sudo evil"',
      '  not_paired · exit 22',
      '',
    ]);
  });
  test('what nobody foresaw is a bug of ours, with its stack only under --debug', () => {
    const terminal = fakeTerminal();
    printError(new TypeError('x is not a \x1b function'), terminal.err, { debug: false });
    expect(terminal.stderr.text).toMatch(/This is a bug in ibk \d.*: TypeError: x is not a \\x1b function\n/);
    expect(terminal.stderr.text).toContain('bug · exit 70');
    expect(terminal.stderr.text).not.toContain('    at ');
    printError(new TypeError('y'), terminal.err, { debug: true });
    expect(terminal.stderr.text).toContain('    at ');
    expect(asIbkError('text').exit).toBe(70);
  });
});

test('colour and glyphs follow the terminal', () => {
  const red = (options: Parameters<typeof fakeTerminal>[0]) => fakeTerminal(options).err.style.failed('x') !== 'x';
  expect(red({ columns: 80, color: 'auto' })).toBe(true);
  expect(red({ color: 'auto' })).toBe(false);
  expect(red({ columns: 80, color: 'auto', env: { NO_COLOR: '1' } })).toBe(false);
  expect(red({ columns: 80, color: 'auto', env: { NO_COLOR: '' } })).toBe(true);
  expect(red({ color: 'auto', env: { FORCE_COLOR: '1' } })).toBe(true);
  expect(red({ columns: 80, color: 'auto', env: { TERM: 'dumb' } })).toBe(false);
  expect(red({ color: 'always', env: { NO_COLOR: '1' } })).toBe(true);
  const glyph = (options: Parameters<typeof fakeTerminal>[0]) => fakeTerminal(options).out.glyphs.ok;
  expect(glyph({})).toBe('✓');
  expect(glyph({ env: { LC_ALL: 'C' } })).toBe('ok');
  expect(glyph({ env: { LANG: undefined } })).toBe('ok');
  expect(glyph({ env: { LANG: undefined }, platform: 'darwin' })).toBe('✓');
  expect(glyph({ platform: 'win32' })).toBe('ok');
  expect(glyph({ platform: 'win32', env: { WT_SESSION: 'x' } })).toBe('✓');
  expect(fakeTerminal({ columns: 80, env: { CI: 'true' } }).err.canRedraw).toBe(false);
});

test('paths and words to paste', () => {
  expect(displayPath('/home/anna/x', '/home/anna')).toBe('~/x');
  expect(displayPath('/home/annabel', '/home/anna')).toBe('/home/annabel');
  expect(displayPath('/a\nb', undefined)).toBe('/a\\nb');
  expect(shellWord("Anna's iPhone")).toBe('"Anna\'s iPhone"');
  expect(shellWord('$(rm) `x` "y" \\')).toBe('"\\$(rm) \\`x\\` \\"y\\" \\\\"');
  expect(shellWord('00008120-A1')).toBe('00008120-A1');
});

test('a question that nobody can answer is exit 2 with the flag', async () => {
  const terminal = fakeTerminal({ columns: 80 });
  const { signal } = new AbortController();
  const asking = { terminal, json: false, noInput: false, signal };
  await expect(confirm('Sure?', 'ibk unpair --yes', asking)).rejects.toMatchObject({ code: 'usage', exit: 2 });
  expect(terminal.stderr.text).toBe('');
});

describe('choosing among backups', () => {
  const backup = (udid: string, name: string): ListedBackup => ({
    udid,
    name,
    model: null,
    productType: null,
    path: '/x',
    bytes: 10,
    versions: [],
    state: 'unmanaged',
    problem: null,
  });
  const backups = [backup('00008120-000A1D2E0C88401E', 'Anna’s iPhone'), backup('00008120-00BB', 'Anna’s iPad')];
  const chosen = (...wanted: string[]) =>
    chooseBackups({ root: '/x', bytes: 20, backups }, wanted).backups.map(({ udid }) => udid.slice(-4));
  test('by UDID, prefix and name', () => {
    expect(chosen()).toEqual(['401E', '00BB']);
    expect(chosen('all')).toEqual(['401E', '00BB']);
    expect(chosen('00008120000a1d2e0c88401e')).toEqual(['401E']);
    expect(chosen('00008120-00b')).toEqual(['00BB']);
    expect(chosen("anna's ipad")).toEqual(['00BB']);
    expect(chosen("Anna's iPh", '00008120-00BB')).toEqual(['401E', '00BB']);
  });
  test('nothing and too much are errors', () => {
    expect(() => chosen('Ben')).toThrow(/No backup here/);
    expect(() => chosen('Anna')).toThrow(/several/);
    expect(() => chosen('')).toThrow();
  });
});

test('widths that are not looked up are those of the table', () => {
  const characters = Array.from({ length: 0x3000 - 0x20 }, (_, index) => String.fromCharCode(index + 0x20));
  expect(characters.filter((each) => displayWidth(each) !== stringWidth(each))).toEqual([]);
  expect(displayWidth('\u001b[32mgrün\u001b[39m 日本')).toBe(9);
});
