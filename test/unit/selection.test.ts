/** Which files a selection means: the words, the options, the types, the apps; and how narrow the question to the index is. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { AppIndex } from '../../src/operations/selection/apps.js';
import { compileExpression } from '../../src/operations/selection/expression.js';
import { FILE_TYPES } from '../../src/operations/selection/file-types.js';
import { compileGlob } from '../../src/operations/selection/glob.js';
import { appsOf, nothingSelected, selectedRecords } from '../../src/operations/selection/records.js';
import { type SelectionOptions, select } from '../../src/operations/selection/selection.js';
import { buildXmlPlist } from '../../src/plist/codec.js';
import { plistDict } from '../../src/plist/value.js';
import { fakeBackup, infoWithApps } from '../support/fake-backup.js';

const none = new AppIndex(undefined, undefined);
const queryOf = (options: SelectionOptions) => select(options, none).query;

const PHONE = [
  'HomeDomain/',
  'HomeDomain/Library/SMS',
  'HomeDomain/Library/SMS/sms.db',
  'HomeDomain/Library/SMS/sms.db-wal',
  'HomeDomain/Library/SMS/Drafts/1/composition.plist',
  'HomeDomain/Library/SMSsearch/x.db',
  'MediaDomain/Library/SMS/Attachments/aa/IMG_1.JPG',
  'CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG',
  'CameraRollDomain/Media/PhotoData/Thumbnails/1.jpg',
  'AppDomain-com.example.chat/Documents/chat.db',
  'AppDomainGroup-group.com.example.chat/ChatStorage.sqlite',
  'AppDomainPlugin-com.example.chat.share/Library/x.bin',
  'AppDomain-com.example.chatter/Documents/other.db',
];

async function found(options: SelectionOptions, backup = fakeBackup(PHONE)): Promise<string[]> {
  const selection = select(options, appsOf(backup));
  const paths: string[] = [];
  for await (const page of selectedRecords(backup, selection))
    paths.push(...page.map(({ domain, relativePath }) => `${domain}/${relativePath}`));
  return paths;
}

test.each<[string, SelectionOptions, readonly number[]]>([
  ['a domain', { words: ['MediaDomain'] }, [6]],
  ['parts of a folder', { words: ['HomeDomain/Library/SMS/*'] }, [2, 3]],
  ['everything below', { words: ['HomeDomain/Library/SMS/**'] }, [2, 3, 4]],
  ['a folder without a wildcard', { words: ['HomeDomain/Library/SMS'] }, [1, 2, 3, 4]],
  ['a folder with a slash', { words: ['HomeDomain/Library/SMS/'] }, [2, 3, 4]],
  ['one file', { words: ['HomeDomain/Library/SMS/sms.db'] }, [2]],
  ['the case counts', { words: ['HomeDomain/library/sms/*'] }, []],
  ['unless it does not', { words: ['homedomain/library/sms/*'], ignoreCase: true }, [2, 3]],
  ['several words are joined', { words: ['MediaDomain', 'type:photos'] }, [6, 7]],
  ['domains are globs', { domains: ['AppDomain*-*chat'] }, [9, 10]],
  ['domains repeat', { domains: ['MediaDomain', 'CameraRollDomain'] }, [6, 7, 8]],
  ['an app has its groups and plug-ins', { words: ['app:com.example.chat'] }, [9, 10, 11]],
  ['type messages', { types: ['messages'] }, [2, 3, 4, 6]],
  ['a path in any domain', { paths: ['Library/SMS/*.db'] }, [2]],
  ['a path with its domain', { paths: ['HomeDomain/Library/SMS/sms.db'] }, [2]],
  ['a name in any folder', { paths: ['*.JPG'] }, [6, 7]],
  ['a folder in any folder', { paths: ['DCIM'] }, [7]],
  ['paths are alternatives', { paths: ['*.JPG', '*.jpg'] }, [6, 7, 8]],
  ['a path narrows a domain', { domains: ['HomeDomain'], paths: ['*.db'] }, [2, 5]],
  ['an expression over domain and path', { regex: '^Media.*IMG_\\d' }, [6]],
  ['an expression narrows', { domains: ['CameraRollDomain'], regex: '\\.jpg$', ignoreCase: true }, [7, 8]],
])('%s', async (_name, options, expected) => {
  expect(await found(options)).toEqual(expected.map((index) => PHONE[index]));
});

test.each<[SelectionOptions, object]>([
  [{}, {}],
  [{ words: ['HomeDomain'] }, { domains: ['HomeDomain'] }],
  [{ words: ['HomeDomain/Library/SMS/sms.db'] }, { domains: ['HomeDomain'], below: 'Library/SMS/sms.db' }],
  [{ words: ['HomeDomain/Library/SMS/*'] }, { domains: ['HomeDomain'], below: 'Library/SMS' }],
  [{ paths: ['HomeDomain/Library/SMS/sms.db'] }, { domains: ['HomeDomain'], below: 'Library/SMS/sms.db' }],
  [
    { domains: ['HomeDomain'], paths: ['Library/SMS/*'] },
    { domains: ['HomeDomain'], below: 'Library/SMS' },
  ],
  [{ types: ['photos'] }, { domains: ['CameraRollDomain'], below: 'Media' }],
  [{ types: ['messages'] }, { domains: ['HomeDomain', 'MediaDomain'] }],
  [{ words: ['homedomain/library'], ignoreCase: true }, {}],
  // Either form of the letter may be stored.
  [{ words: ['HomeDomain/Library/Grüße/a'] }, { domains: ['HomeDomain'], below: 'Library' }],
])('the question to the index: %j', (options, expected) => {
  const { matches: _matches, ...narrow } = queryOf(options);
  expect(narrow).toEqual(expected);
});

test('a word that is no place, an unknown type, an empty pattern', () => {
  expect(() => queryOf({ words: ['ap:x'] })).toThrow('"ap:x" names no files.');
  expect(() => queryOf({ words: ['type:photo'] })).toThrow('Unknown type "photo". Did you mean photos?');
  expect(() => queryOf({ paths: [''] })).toThrow('A pattern is empty.');
  expect(() => queryOf({ regex: '(' })).toThrow('"(" is not a regular expression.');
  expect(() => queryOf({ paths: ['{a,b}'.repeat(9)] })).toThrow('more than 256 alternatives');
});

describe('apps', () => {
  const metadata = buildXmlPlist(plistDict({ itemName: 'WhatsApp Messenger', bundleDisplayName: 'WhatsApp' }));
  const info = infoWithApps({
    'net.whatsapp.WhatsApp': metadata,
    'com.example': undefined,
    'com.example.chat': Buffer.from('no plist'),
  });
  const groups = plistDict({
    'com.example.chat': plistDict({
      Entitlements: plistDict({ 'com.apple.security.application-groups': ['group.shared'] }),
    }),
    'net.whatsapp.WhatsApp': plistDict({
      ContainerContentClass: 'Data/Application',
      GroupContainers: plistDict({ 'group.shared': '/x' }),
    }),
    'group.shared': plistDict({ ContainerContentClass: 'Shared/AppGroup' }),
    odd: 7,
  });
  const apps = new AppIndex(info, groups);

  test('by id in any case, by name, or as written', () => {
    expect(apps.named('net.whatsapp.WhatsApp')).toEqual(['net.whatsapp.WhatsApp']);
    expect(apps.named('net.whatsapp.whatsapp')).toEqual(['net.whatsapp.WhatsApp']);
    expect(apps.named('whatsapp')).toEqual(['net.whatsapp.WhatsApp']);
    expect(apps.named('com.apple.mobilesafari')).toEqual(['com.apple.mobilesafari']);
  });

  test.each([
    ['AppDomain-com.example.chat', ['com.example.chat']],
    ['AppDomain-ABCDE12345.com.example.chat', ['com.example.chat']],
    ['AppDomain-com.unknown', ['com.unknown']],
    ['AppDomainGroup-group.shared', ['com.example.chat', 'net.whatsapp.WhatsApp']],
    ['AppDomainGroup-group.net.whatsapp.WhatsApp.shared', ['net.whatsapp.WhatsApp']],
    ['AppDomainGroup-ABCDE12345.com.example', ['com.example']],
    ['AppDomainPlugin-com.example.chat.share', ['com.example.chat']],
    ['AppDomainPlugin-com.example.chatter', ['com.example']],
    ['AppDomainPlugin-org.other', []],
    ['HomeDomain', []],
  ])('%s belongs to %j', (domain, owners) => {
    expect(apps.ownersOf(domain)).toEqual(owners);
  });

  test('entries of the wrong type tell nothing', () => {
    const odd = new AppIndex(
      plistDict({ 'Installed Applications': ['a.b', 7], Applications: plistDict({ 'c.d': 'x' }) }),
      plistDict({ 'e.f': plistDict({ ContainerContentClass: 7, Entitlements: [] }) }),
    );
    expect(odd.all()).toEqual(['a.b', 'c.d', 'e.f'].map((bundleId) => ({ bundleId, name: null })));
  });
});

describe('nothing matches', () => {
  const reason = async (options: SelectionOptions, backup = fakeBackup(PHONE)) =>
    nothingSelected(backup, select(options, appsOf(backup)));

  test('the nearest domain, app or name of an app', async () => {
    expect(await reason({ words: ['HomeDomian/x'] })).toMatchObject({
      exit: 10,
      message: 'Nothing in this backup matches HomeDomian/x. Did you mean HomeDomain?',
    });
    const backup = fakeBackup([], {
      info: infoWithApps({ 'com.example.chat': buildXmlPlist(plistDict({ itemName: 'Chatter' })) }),
    });
    expect((await reason({ apps: ['com.exmaple.chat'] }, backup)).message).toContain('Did you mean com.example.chat?');
    expect((await reason({ words: ['app:chater'] }, backup)).message).toContain('Did you mean Chatter?');
    expect((await reason({ apps: ['com.example.chat'] }, backup)).message).toMatch(/matches app com\.example\.chat\.$/);
  });

  test('why a type is not there', async () => {
    expect(await reason({ types: ['health'] })).toMatchObject({ reason: 'encrypted_only' });
    expect(await reason({ types: ['health'] }, fakeBackup([], { encrypted: true }))).toMatchObject({
      reason: 'not_on_device',
    });
    expect(await reason({ types: ['voicemail'] })).toMatchObject({ reason: 'not_on_device' });
  });
});

/** fileIDs that published readers of backups name for what a person looks for: section 8 of the notes on the format. */
const PUBLISHED: Readonly<Record<string, readonly [domain: string, path: string, fileId: string]>> = {
  messages: ['HomeDomain', 'Library/SMS/sms.db', '3d0d7e5fb2ce288813306e4d4636395e047a3d28'],
  contacts: ['HomeDomain', 'Library/AddressBook/AddressBook.sqlitedb', '31bb7ba8914766d4ba40d6dfb6113c8b614be442'],
  calls: ['HomeDomain', 'Library/CallHistoryDB/CallHistory.storedata', '5a4935c78a5255723f707230a451d79c540d2741'],
  notes: ['AppDomainGroup-group.com.apple.notes', 'NoteStore.sqlite-wal', '7dc1d0fa6cd437c0ad9b9b573ea59c5e62373e92'],
  calendar: ['HomeDomain', 'Library/Calendar/Calendar.sqlitedb', '2041457d5fe04d39d0ab481178355df6781e6858'],
  whatsapp: [
    'AppDomainGroup-group.net.whatsapp.WhatsApp.shared',
    'ChatStorage.sqlite',
    '7c7fba66680ef796b916b067077cc246adacf01d',
  ],
  voicemail: ['HomeDomain', 'Library/Voicemail/voicemail.db', '992df473bbb9e132f4b3b6e4d33f72171e97bc7a'],
  safari: ['HomeDomain', 'Library/Safari/History.db', '1a0e7afc19d307da602ccdcece51af33afe92c53'],
  health: ['HealthDomain', 'Health/healthdb_secure.sqlite', '516d7e19a4a0c9475c0015fae195626377b1b810'],
  wifi: ['SystemPreferencesDomain', 'com.apple.wifi.known-networks.plist', '0fa75546343ba224c9fe55adc73e8fdedc1029c3'],
  keychain: ['KeychainDomain', 'keychain-backup.plist', '51a4616e576dd33cd2abadfea874eb8ff246bf0e'],
  accounts: ['HomeDomain', 'Library/Accounts/Accounts3.sqlite', '943624fd13e27b800cc6d9ce1100c22356ee365c'],
  wallpaper: ['HomeDomain', 'Library/SpringBoard/LockBackground.cpbitmap', '86736007d0166a18c646c567279b75093fc066fe'],
  photos: ['CameraRollDomain', 'Media/PhotoData/Photos.sqlite', '12b144c0bd44f2b3dffd9186d3f9c05b917cee25'],
};

test.each(Object.entries(PUBLISHED))('type %s holds what others find there', (type, [domain, path, fileId]) => {
  expect(createHash('sha1').update(`${domain}-${path}`).digest('hex')).toBe(fileId);
  const { domains, matches } = queryOf({ types: [type] });
  expect(domains === undefined || domains.includes(domain)).toBe(true);
  expect(matches?.(domain, path)).toBe(true);
});

test('each type has a name of its own and finds its databases with their siblings', () => {
  expect(new Set(FILE_TYPES.map(({ name }) => name)).size).toBe(FILE_TYPES.length);
  const matches = queryOf({ types: ['reminders'] }).matches;
  const group = 'AppDomainGroup-group.com.apple.reminders';
  for (const suffix of ['', '-wal', '-shm', '-journal'])
    expect(matches?.(group, `Container_v1/Stores/Data-local.sqlite${suffix}`)).toBe(true);
  expect(matches?.(group, 'Container_v1/Stores/Data-local.sqlite-other')).toBe(false);
});

test('an expression that runs away is stopped', () => {
  const slow = compileExpression('^(a+)+$');
  expect(slow.matching(['aaa', 'b'])).toEqual([true, false]);
  expect(() => slow.matching([`${'a'.repeat(60)}b`])).toThrow('The regular expression takes too long');
  expect(slow.matching(['aaa'])).toEqual([true]);
});

test.each<[string, string, boolean]>([
  ['*', 'a', true],
  ['*', 'a/b', false],
  ['**', 'a/b/c', true],
  ['a/**', 'a', false],
  ['a/**/d', 'a/d', true],
  ['a/**/d', 'a/b/c/d', true],
  ['**/x/**/y', 'x/a/x/b/y', true],
  ['?', '📷', true],
  ['[📷]*', '📷 Urlaub', true],
  ['[!a-c]x', 'dx', true],
  ['[!a-c]x', 'bx', false],
  ['[]x]', ']', true],
  ['[x', '[x', true],
  ['{a,b{c,d}}e', 'bde', true],
  ['{a}', '{a}', true],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['\\{a,b}', '{a,b}', true],
  ['Grüße*', 'Gru\u0308ße (NFD).txt', true],
  ['.*', '.hidden', true],
  ['*.db', '.db', true],
  ['/a', 'a', true],
])('glob %s on %s: %s', (pattern, path, expected) => {
  expect(compileGlob(pattern).matches(path)).toBe(expected);
});
