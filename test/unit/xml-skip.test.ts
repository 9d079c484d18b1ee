/** Info.plist without its icons: as the parser reads the whole, without that key; and as it is where the tags are not sure. */
import fc from 'fast-check';
import { build } from 'plist';
import { expect, test } from 'vitest';
import { parsePlist } from '../../src/plist/codec.js';
import { isPlistDict } from '../../src/plist/value.js';
import { readWithoutXmlDict, withoutXmlDict } from '../../src/plist/xml-skip.js';

const parse = (bytes: Buffer) => parsePlist(bytes, 'Info.plist');

function withoutApplications(bytes: Buffer) {
  const whole = parse(bytes);
  if (!isPlistDict(whole)) throw new Error('no dictionary');
  const { Applications: _out, ...rest } = whole;
  return rest;
}

const text = fc.string({ unit: fc.constantFrom('a', '<', '>', '&', '/dict', 'Applications', '<key>', ' ') });
const key = fc.oneof(
  fc.constant('Applications'),
  text.map((name) => `k${name}`),
);
const leaf = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(Buffer.from('icon')));
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(key, tie('any'), { maxKeys: 3 }),
  ),
})).any;

test('what another writer wrote is read the same but for that key', () => {
  const document = fc.record({
    before: fc.dictionary(
      text.map((name) => `A${name}`),
      value,
      { maxKeys: 3 },
    ),
    apps: fc.dictionary(key, value, { maxKeys: 4 }),
    after: fc.dictionary(
      text.map((name) => `z${name}`),
      value,
      { maxKeys: 3 },
    ),
  });
  fc.assert(
    fc.property(document, ({ before, apps, after }) => {
      const bytes = Buffer.from(build({ ...before, Applications: apps, ...after } as never));
      expect({ ...parseDict(withoutXmlDict(bytes, 'Applications')) }).toEqual(withoutApplications(bytes));
    }),
    { numRuns: 300 },
  );
});

const parseDict = (bytes: Buffer) => {
  const dict = parse(bytes);
  return isPlistDict(dict) ? dict : {};
};

const HEAD = '<?xml version="1.0"?><plist version="1.0">';
test.each([
  ['no such key', `${HEAD}<dict><key>a</key><string>b</string></dict></plist>`],
  ['only inside', `${HEAD}<dict><key>a</key><dict><key>Applications</key><dict></dict></dict></dict></plist>`],
  ['another type', `${HEAD}<dict><key>Applications</key><string>b</string></dict></plist>`],
  ['a comment', `${HEAD}<dict><key>Applications</key><dict><!-- </dict> --></dict></dict></plist>`],
  ['a comment in front', `${HEAD}<!-- <dict> --><dict><key>Applications</key><dict></dict></dict></plist>`],
  [
    'CDATA',
    `${HEAD}<dict><key>Applications</key><dict><key>x</key><string><![CDATA[</dict>]]></string></dict></dict></plist>`,
  ],
  ['cut off', `${HEAD}<dict><key>Applications</key><dict><key>x</key>`],
  ['closed by an array', `${HEAD}<dict><key>Applications</key><dict></array>`],
  ['no list at all', 'bplist00<'],
  ['empty', ''],
])('%s: as it is', (_name, document) => {
  const bytes = Buffer.from(document);
  expect(withoutXmlDict(bytes, 'Applications')).toBe(bytes);
});

test('an empty one', () => {
  const bytes = Buffer.from(
    `${HEAD}<dict><key>Applications</key>\n<dict/><key>a</key><string>b</string></dict></plist>`,
  );
  expect({ ...parseDict(withoutXmlDict(bytes, 'Applications')) }).toEqual({ a: 'b' });
});

test('in pieces: the same, wherever a piece ends', async () => {
  const read = (bytes: Buffer) => (target: Buffer, position: number) => bytes.copy(target, 0, position);
  const line = `<key>x</key><dict><key>icon</key><data>${'A'.repeat(1000)}</data></dict>\n`;
  for (let pad = 0; pad < 1200; pad += 7) {
    const apps = `<key>pad</key><data>${'B'.repeat(pad)}</data>${line.repeat(600)}`;
    const bytes = Buffer.from(
      `${HEAD}<dict><key>Applications</key><dict>${apps}</dict><key>a</key><string>b</string></dict></plist>`,
    );
    const rest = await readWithoutXmlDict(read(bytes), bytes.length, 'Applications');
    expect(rest?.equals(withoutXmlDict(bytes, 'Applications'))).toBe(true);
  }
});

test('in pieces: not sure, or cut off', async () => {
  const read = (bytes: Buffer) => (target: Buffer, position: number) => bytes.copy(target, 0, position);
  const open = `${HEAD}<dict><key>Applications</key><dict><key>x</key><data>${'A'.repeat(600_000)}`;
  for (const end of ['', '</data>', '</data><!-- --></dict></dict>', '</data></dict', '<', '</data></array>']) {
    const bytes = Buffer.from(open + end);
    expect(await readWithoutXmlDict(read(bytes), bytes.length, 'Applications')).toBeUndefined();
    expect(await readWithoutXmlDict(read(bytes), bytes.length + 9, 'Applications')).toBeUndefined();
  }
});
