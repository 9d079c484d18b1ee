/** Small real files: SQLite databases and property lists with invented content, the same for the same seed and revision. */
import { openSqlite, type SqliteDatabase } from '../../io/sqlite.js';
import { buildBinaryPlist } from '../../plist/codec.js';
import { type PlistValue, plistDict } from '../../plist/value.js';
import { SeededRandom, seededBytes } from './random.js';

/** Makes the bytes of one file for a revision (0 at first). */
export type FileMaker = (label: string, revision: number) => Buffer;

const FIRST_NAMES = ['Ada', 'Björn', 'Chloé', 'Dorota', 'Emre', 'Fatima', 'Grace', 'Hồng', 'Ida', 'Jun'] as const;
const TEXTS = ['On my way', 'See you at 8?', 'Schöne Grüße!', '👍', 'The train is late again', 'Call me'] as const;

function sqlite(fill: (db: SqliteDatabase) => void): Buffer {
  const db = openSqlite(':memory:');
  try {
    db.pragma('page_size = 4096');
    fill(db);
    return db.serialize();
  } finally {
    db.close();
  }
}

/** A message database with the few columns that readers look at. Dates are nanoseconds since 2001, as from iOS 11 on. */
export const makeSmsDatabase: FileMaker = (label, revision) =>
  sqlite((db) => {
    const random = new SeededRandom(label);
    db.exec(`
      CREATE TABLE handle (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, service TEXT NOT NULL);
      CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, text TEXT, handle_id INTEGER,
        date INTEGER, is_from_me INTEGER DEFAULT 0);`);
    const handle = db.prepare('INSERT INTO handle (id, service) VALUES (?, ?)');
    for (let i = 0; i < FIRST_NAMES.length; i += 1) handle.run(`+1555010${String(i).padStart(4, '0')}`, 'iMessage');
    const message = db.prepare('INSERT INTO message (guid, text, handle_id, date, is_from_me) VALUES (?, ?, ?, ?, ?)');
    for (let i = 0; i < 200 + revision; i += 1) {
      const who = 1 + random.below(FIRST_NAMES.length);
      const date = 720_000_000_000_000_000n + BigInt(i) * 3_600_000_000_000n;
      message.run(`made-up-${i}`, random.pick(TEXTS), who, date, random.below(2));
    }
  });

export const makeContacts: FileMaker = (label, revision) =>
  sqlite((db) => {
    const random = new SeededRandom(label);
    db.exec('CREATE TABLE ABPerson (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, First TEXT, Last TEXT)');
    const person = db.prepare('INSERT INTO ABPerson (First, Last) VALUES (?, ?)');
    for (let i = 0; i < 40 + revision; i += 1) person.run(random.pick(FIRST_NAMES), `Example ${random.below(1000)}`);
  });

/** A database of rows without meaning, for the many that only have to be valid. */
export const makeDatabase: FileMaker = (label, revision) =>
  sqlite((db) => {
    db.exec('CREATE TABLE ZOBJECT (Z_PK INTEGER PRIMARY KEY, ZDATA BLOB)');
    const row = db.prepare('INSERT INTO ZOBJECT (ZDATA) VALUES (?)');
    for (let i = 0; i < 20 + revision; i += 1) row.run(seededBytes(`${label}/${i}`, 32));
  });

export const makePreferences: FileMaker = (label, revision) => {
  const settings: Record<string, PlistValue> = { Revision: revision, Enabled: true };
  for (let i = 0; i < 12; i += 1) settings[`Setting ${i}`] = seededBytes(`${label}/${i}`, 12).toString('hex');
  return buildBinaryPlist(plistDict(settings));
};

/** The keychain of the backup. Its items are bytes without meaning: nothing here can be decrypted. */
export const makeKeychain: FileMaker = (label, revision) => {
  const items = (table: string, count: number) =>
    Array.from({ length: count }, (_, i) =>
      plistDict({
        v_Data: Buffer.concat([Buffer.from('0300000006000000', 'hex'), seededBytes(`${label}/${table}/${i}`, 32)]),
        v_PersistentRef: Buffer.concat([Buffer.from(table), seededBytes(`${table}/${i}`, 8)]),
      }),
    );
  const tables = { genp: items('genp', 6 + revision), inet: items('inet', 4), cert: items('cert', 1), keys: [] };
  return buildBinaryPlist(plistDict(tables));
};

const TEXT_LINES = [
  'A line of text.',
  'Еще одна строка.',
  '一行字。',
  'Noch eine Zeile: äöü ß.',
  'Last line 🏁',
] as const;

export const makeText: FileMaker = (label, revision) => {
  const random = new SeededRandom(`${label}#${revision}`);
  const lines = Array.from({ length: 3 + random.below(20) }, () => random.pick(TEXT_LINES));
  return Buffer.from(`${label}, revision ${revision}\n${lines.join('\n')}\n`);
};

export const makeEmpty: FileMaker = (_label, revision) => Buffer.alloc(revision);
