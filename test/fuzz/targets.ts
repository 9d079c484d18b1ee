/** One target a decoder: good inputs to begin with, and the call that must end with a value or an IbkError, whatever it is given. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderSource } from '../../src/backup/reader/backup-source.js';
import { ClassKeys } from '../../src/backup/format/class-keys.js';
import { parseKeybag } from '../../src/backup/format/keybag.js';
import { parseManifestPlist } from '../../src/backup/format/manifest-plist.js';
import { readMbdb } from '../../src/backup/format/mbdb.js';
import { parseMbFile } from '../../src/backup/format/mbfile.js';
import { authDataOf, openAuthData, parseMdBackup, parseMdInfo } from '../../src/backup/format/mdinfo.js';
import { parseStatusPlist } from '../../src/backup/format/status-plist.js';
import { EncryptedContent } from '../../src/backup/reader/content.js';
import { streamMbdb } from '../../src/backup/reader/mbdb-manifest.js';
import { openBackup } from '../../src/backup/reader/open-backup.js';
import { IbkError } from '../../src/errors.js';
import { Secret } from '../../src/io/secret.js';
import { buildXmlPlist, parsePlist } from '../../src/plist/codec.js';
import { fileInMemory } from '../support/file-in-memory.js';
import {
  encrypt,
  makeBackup,
  makeKeybag,
  MBDB_MAGIC,
  type MadeBackup,
  type MadeFile,
  makeMbdbRecord,
  makeMbFile,
} from '../support/made-backup.js';

export interface FuzzTarget {
  readonly name: string;
  readonly seeds: readonly Buffer[];
  /** How much dearer one input is than that of a decoder in memory. */
  readonly cost: number;
  readonly run: (bytes: Buffer) => unknown;
}

const FILE: MadeFile = {
  domain: 'HomeDomain',
  relativePath: 'Library/a',
  content: Buffer.from('x'),
  attributes: { name: Buffer.alloc(9) },
};
const LINK: MadeFile = { domain: 'HomeDomain', relativePath: 'l', kind: 'symlink', target: '/x' };
const keyed = { key: Buffer.alloc(44, 3), digest: Buffer.alloc(20, 1) };
const bare = { key: undefined, digest: undefined };
const KEY = Buffer.alloc(32, 7);

const top = mkdtempSync(join(tmpdir(), 'ibk-fuzz-'));
export const removeFuzzFolder = (): void => rmSync(top, { recursive: true, force: true });

function made(name: string, backup: Omit<MadeBackup, 'files'>): string {
  const folder = mkdtempSync(join(top, `${name}-`));
  makeBackup(folder, { ...backup, files: [FILE, LINK] });
  return folder;
}

/** The bytes of the first file that is so named. */
function read(folder: string, ending: string): Buffer {
  const name = readdirSync(folder).find((each) => each.endsWith(ending));
  if (name === undefined) throw new Error(`no ${ending}`);
  return readFileSync(join(folder, name));
}

const database = made('db', { era: 'db' });
const sealed = made('md', { era: 'mdinfo', password: 'secret' });
const open = made('md', { era: 'mdinfo' });
const single = made('md', { era: 'mdbackup' });
const AUTH = authDataOf(parseManifestPlist(read(sealed, 'Manifest.plist')).dict) ?? Buffer.alloc(0);
const AUTH_KEY = (await openAuthData(AUTH, Buffer.from('secret'))) ?? KEY;
const MBDB = Buffer.concat([MBDB_MAGIC, makeMbdbRecord(FILE, keyed), makeMbdbRecord(LINK, bare)]);

async function readAll(folder: string): Promise<void> {
  await using opened = await openBackup(folderSource(folder), { password: async () => Secret.of('secret') });
  for await (const page of opened.records())
    for (const record of page) {
      try {
        record.details();
        opened.content(record)?.close();
      } catch (error) {
        if (!(error instanceof IbkError)) throw error;
      }
    }
  await opened.find('HomeDomain', 'Library/a');
}

function rewritten(folder: string, name: string): FuzzTarget['run'] {
  return async (bytes) => {
    writeFileSync(join(folder, name), bytes);
    await readAll(folder);
  };
}

async function drained(pieces: AsyncGenerator<Buffer, void>): Promise<void> {
  for await (const piece of pieces) void piece.length;
}

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'keybag',
    seeds: [makeKeybag('secret', true), makeKeybag('secret', false)],
    cost: 1,
    run: (bytes) => ClassKeys.open(parseKeybag(bytes), KEY),
  },
  {
    name: 'MBFile',
    seeds: [makeMbFile(FILE, keyed), makeMbFile(LINK, bare)],
    cost: 1,
    run: (bytes) => parseMbFile(bytes),
  },
  { name: 'mbdb in memory', seeds: [MBDB], cost: 1, run: (bytes) => [...readMbdb(bytes)] },
  { name: 'mbdb as a stream', seeds: [MBDB], cost: 1, run: (bytes) => [...streamMbdb(fileInMemory(bytes))] },
  {
    name: 'mdinfo',
    seeds: [read(sealed, '.mdinfo'), read(open, '.mdinfo')],
    cost: 1,
    run: (bytes) => parseMdInfo(bytes, () => AUTH_KEY),
  },
  { name: 'mdbackup', seeds: [read(single, '.mdbackup')], cost: 1, run: (bytes) => parseMdBackup(bytes) },
  { name: 'AuthData', seeds: [AUTH], cost: 10, run: (bytes) => openAuthData(bytes, Buffer.from('secret')) },
  {
    name: 'Manifest.plist',
    seeds: [read(database, 'Manifest.plist'), read(sealed, 'Manifest.plist')],
    cost: 1,
    run: (bytes) => authDataOf(parseManifestPlist(bytes).dict),
  },
  { name: 'Status.plist', seeds: [read(database, 'Status.plist')], cost: 1, run: (bytes) => parseStatusPlist(bytes) },
  {
    name: 'XML property list',
    seeds: [buildXmlPlist({ a: [1, 'x', true, { b: Buffer.alloc(3) }], d: new Date(0) })],
    cost: 1,
    run: (bytes) => parsePlist(bytes, 'x'),
  },
  {
    name: 'content',
    seeds: [encrypt(KEY, Buffer.alloc(100)), encrypt(KEY, Buffer.alloc(0))],
    cost: 2,
    run: (bytes) => drained(new EncryptedContent(fileInMemory(bytes), { key: KEY }).pieces()),
  },
  {
    name: 'rows of Manifest.db',
    seeds: [read(database, 'Manifest.db')],
    cost: 30,
    run: rewritten(database, 'Manifest.db'),
  },
  {
    name: 'backup with any Manifest.plist',
    seeds: [read(sealed, 'Manifest.plist'), read(database, 'Manifest.plist')],
    cost: 10,
    run: rewritten(made('db', { era: 'db-10.1', password: 'secret' }), 'Manifest.plist'),
  },
];
