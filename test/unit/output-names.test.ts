import { describe, expect, test } from 'vitest';
import { relativeTarget, staysInside } from '../../src/output/link-target.js';
import { NameTree } from '../../src/output/name-tree.js';
import { numbered, POSIX_PLACE, safeName, shortened, STRICTEST_PLACE } from '../../src/output/name-rules.js';
import { TakenNames } from '../../src/output/taken-names.js';

const windows = (name: string) => safeName(name, STRICTEST_PLACE, 'auto');
const linux = (name: string) => safeName(name, POSIX_PLACE, 'auto');

describe('one name', () => {
  test.each([
    ['aux.log', 'aux_.log'],
    ['AUX', 'AUX_'],
    ['com1', 'com1_'],
    ['COM¹.txt', 'COM¹_.txt'],
    ['nul .txt', 'nul_ .txt'],
    ['CONOUT$', 'CONOUT$_'],
    ['auxiliary', 'auxiliary'],
    ['com10', 'com10'],
    ['a:b', 'a_b'],
    ['C:', 'C_'],
    ['a\\b', 'a_b'],
    ['what?*<>|"', 'what______'],
    ['ends.', 'ends_'],
    ['ends..', 'ends._'],
    ['ends ', 'ends_'],
    ['con.', 'con_'],
    ['aux. ', 'aux_._'],
    ['line\nfeed', 'line_feed'],
    [' begins', ' begins'],
    ['päth 📷', 'päth 📷'],
  ])('on Windows: %j is kept as %j', (name, kept) => {
    expect(windows(name)).toBe(kept);
    expect(safeName(name, POSIX_PLACE, 'portable')).toBe(kept);
  });

  test.each([
    ['aux.log', 'aux.log'],
    ['a:b\\c?.', 'a:b\\c?.'],
    ['esc\x1b[2J\x9b', 'esc_[2J_'],
    ['half \ud83d', 'half \ufffd'],
  ])('on Linux: %j is kept as %j', (name, kept) => expect(linux(name)).toBe(kept));

  test.each(['', '.', '..', 'a/b', 'a\0b'])('%j is kept nowhere', (name) => {
    for (const style of ['auto', 'portable', 'raw'] as const) {
      expect(safeName(name, POSIX_PLACE, style)).toBeUndefined();
      expect(safeName(name, STRICTEST_PLACE, style)).toBeUndefined();
    }
  });

  test('raw: as it is, or not at all', () => {
    expect(safeName('esc\x1b.', POSIX_PLACE, 'raw')).toBe('esc\x1b.');
    expect(safeName('x'.repeat(256), POSIX_PLACE, 'raw')).toBeUndefined();
    for (const name of ['a:b', 'C:', 'aux', 'ends.', 'x\ny'])
      expect(safeName(name, STRICTEST_PLACE, 'raw')).toBeUndefined();
    expect(safeName('plain.txt', STRICTEST_PLACE, 'raw')).toBe('plain.txt');
  });

  test('a long name keeps its extension and whole characters', () => {
    expect(Buffer.byteLength(shortened(`${'é'.repeat(200)}.jpeg`))).toBe(255);
    expect(shortened(`${'📷'.repeat(100)}.heic`)).toBe(`${'📷'.repeat(62)}.heic`);
    expect(shortened(`.${'x'.repeat(300)}`)).toHaveLength(255);
    expect(windows(' '.repeat(300))).toBe(`${' '.repeat(254)}_`);
    expect(numbered('IMG_0001.HEIC', 2)).toBe('IMG_0001_2.HEIC');
    expect(numbered('.hidden', 3)).toBe('.hidden_3');
    expect(Buffer.byteLength(numbered(`${'x'.repeat(250)}.jpeg`, 12))).toBe(255);
  });
});

describe('many names', () => {
  const paths = (tree: NameTree, ...names: string[]) => names.map((name) => tree.file(name.split('/'))?.path);

  test('twins get numbers; folders of one name stay one', () => {
    const folders: string[] = [];
    const tree = new NameTree(STRICTEST_PLACE, 'auto', (from, to) => folders.push(`${from} ${to}`));
    expect(paths(tree, 'a/Mail.plist', 'a/mail.plist', 'A/x', 'a/MAIL.plist', 'a/é', 'a/e\u0301')).toEqual([
      'a/Mail.plist',
      'a/mail_2.plist',
      'A_2/x',
      'a/MAIL_3.plist',
      'a/é',
      'a/e\u0301_2',
    ]);
    expect(tree.file(['A', 'y'])).toMatchObject({ path: 'A_2/y', renamed: false });
    expect(tree.file(['A', 'Y'])).toMatchObject({ path: 'A_2/Y_2', renamed: true });
    expect(folders).toEqual(['A A_2']);
    expect(tree.folder(['a'])).toMatchObject({ path: 'a', renamed: false });
  });

  test('on a disk that tells case apart, twins are no twins', () => {
    const tree = new NameTree(POSIX_PLACE, 'auto');
    expect(paths(tree, 'a/Mail', 'a/mail', 'a/é', 'a/e\u0301')).toEqual(['a/Mail', 'a/mail', 'a/é', 'a/e\u0301']);
  });

  test('a file and what lies below it cannot have the same name', () => {
    const tree = new NameTree(POSIX_PLACE, 'auto');
    expect(paths(tree, 'x', 'x/y', 'x/z', 'x')).toEqual(['x', 'x_2/y', 'x_2/z', 'x_3']);
  });

  test('a name that was given by us is taken as well', () => {
    const tree = new NameTree(POSIX_PLACE, 'auto');
    expect(paths(tree, 'x.txt', 'x.txt', 'x_2.txt')).toEqual(['x.txt', 'x_2.txt', 'x_2_2.txt']);
    const long = `${'x'.repeat(254)}y`;
    expect(new Set(paths(tree, `${long}1`, `${long}2`, `${long}3`)).size).toBe(3);
  });

  test('the same names again and again take no longer each time', () => {
    const tree = new NameTree(POSIX_PLACE, 'auto');
    const given = new Set(Array.from({ length: 20_000 }, () => tree.file(['x'])?.path));
    expect(given.size).toBe(20_000);
  });

  test('a hundred thousand names, none confused', () => {
    const taken = new TakenNames();
    const names = Array.from({ length: 100_000 }, (_, n) => [n % 7, `IMG_${n}.HEIC`] as const);
    expect(names.filter(([folder, name]) => !taken.take(folder, name))).toEqual([]);
    expect(names.filter(([folder, name]) => taken.take(folder, name))).toEqual([]);
  });
});

describe('links', () => {
  test.each([
    [['a', 'b'], '../c', true],
    [['a', 'b'], '../../c', true],
    [['a', 'b'], '../../../c', false],
    [[], 'x/y', true],
    [[], '..', false],
    [['a'], './x', true],
    [['a', 'b'], 'x/../../../y', false],
    [['a', 'b'], 'x/..', false],
    [['a'], '/etc/passwd', false],
    [['a'], 'C:\\x', false],
    [['a'], 'c:x', false],
    [['a'], '', false],
    [['a'], 'x\0y', false],
  ])('in %j, to %j: %j', (folder, target, inside) => expect(staysInside(folder, target)).toBe(inside));

  test('the way from a folder to a file', () => {
    expect(relativeTarget(['a', 'b'], ['a', 'c', 'd'])).toBe('../c/d');
    expect(relativeTarget(['a'], ['a'])).toBe('.');
    expect(relativeTarget([], ['x'])).toBe('x');
  });
});
