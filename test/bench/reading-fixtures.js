/** What the reading part of the bench reads: backups of a simulated phone, a manifest of a million rows, a root whose Info.plists are full of icons. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Database from 'better-sqlite3';
import { buildBinaryPlist, buildXmlPlist } from '../../dist/plist/codec.js';
import { PlistUid, plistDict } from '../../dist/plist/value.js';

export const IBK = new URL('../../bin/ibk.js', import.meta.url).pathname;
const UDID = '00008120-000A1D2E0C88401E';

function startPhone(socket, { files, bytes, secret, scenarios = [] }) {
  const encrypted = secret === undefined ? [] : ['--encrypted-password-file', secret];
  const content = [
    '--ios',
    '15',
    '--files',
    String(files),
    '--bytes',
    String(bytes),
    ...['even-sizes', ...scenarios].flatMap((name) => ['--scenario', name]),
  ];
  const args = [IBK, 'sim', '--listen', `UNIX:${socket}`, ...content, ...encrypted];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`ibk sim ended with ${code}`)));
    createInterface({ input: child.stdout }).once('line', () => resolve(child));
  });
}

/** @returns the environment in which ibk finds the backup, and its folder */
export async function backedUp(folder, content) {
  const { secret } = content;
  const socket = join(folder, 'phone.sock');
  const root = join(folder, 'root');
  const env = { ...process.env, USBMUXD_SOCKET_ADDRESS: `UNIX:${socket}`, IBK_OUT: root };
  const phone = await startPhone(socket, content);
  try {
    for (const command of ['pair', 'backup'])
      if (spawnSync(process.execPath, [IBK, command, '-q'], { env, stdio: 'inherit' }).status !== 0)
        throw new Error(`ibk ${command} failed`);
  } finally {
    phone.removeAllListeners('exit');
    phone.kill('SIGTERM');
  }
  const [udid] = readdirSync(root).filter((name) => name !== '.ibk');
  return {
    env: { ...env, ...(secret === undefined ? {} : { IBK_PASSWORD_FILE: secret }) },
    path: join(root, udid),
  };
}

/** @returns the folder of the backup, and a file in its middle as `ibk list` names it. `writeAhead`: the header that phones write. */
export function manyRows(folder, rows, writeAhead) {
  const path = join(folder, UDID);
  mkdirSync(path);
  const db = new Database(join(path, 'Manifest.db'));
  db.pragma('journal_mode = OFF');
  db.pragma('synchronous = OFF');
  db.exec('CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB)');
  const add = db.prepare('INSERT INTO Files VALUES (?, ?, ?, 1, ?)');
  const pathOf = (number) => `Media/DCIM/100APPLE/IMG_${String(number).padStart(7, '0')}.JPG`;
  const domainOf = (number) => (number % 2 ? 'CameraRollDomain' : `AppDomain-com.example.app${number % 150}`);
  const pattern = recordOf(pathOf(0));
  const at = pattern.indexOf('IMG_');
  db.transaction(() => {
    for (let number = 0; number < rows; number++) {
      const record = Buffer.from(pattern);
      record.write(`IMG_${String(number).padStart(7, '0')}`, at, 'latin1');
      const id = createHash('sha1')
        .update(`${domainOf(number)}-${pathOf(number)}`)
        .digest('hex');
      add.run(id, domainOf(number), pathOf(number), record);
    }
  })();
  for (const column of ['domain', 'relativePath', 'flags'])
    db.exec(`CREATE INDEX Files_${column} ON Files (${column})`);
  if (writeAhead) db.pragma('journal_mode = WAL');
  db.close();
  writePlists(path, UDID, {});
  const middle = Math.floor(rows / 4) * 2 + 1;
  return { path, file: `${domainOf(middle)}/${pathOf(middle)}` };
}

function recordOf(path) {
  const times = [1_700_000_000, 1_700_000_000, 1_700_000_000];
  const [LastModified, LastStatusChange, Birth] = times;
  const numbers = { LastModified, LastStatusChange, Birth, Mode: 33188, InodeNumber: 1_234_567, UserID: 501 };
  const more = { GroupID: 501, Size: 100_000, ProtectionClass: 3, Flags: 0 };
  const file = plistDict({ ...numbers, ...more, RelativePath: new PlistUid(2), $class: new PlistUid(3) });
  const classes = plistDict({ $classname: 'MBFile', $classes: ['MBFile', 'NSObject'] });
  return buildBinaryPlist(
    plistDict({
      $version: 100_000,
      $archiver: 'NSKeyedArchiver',
      $top: plistDict({ root: new PlistUid(1) }),
      $objects: ['$null', file, path, classes],
    }),
  );
}

/** Backups of five phones with 150 apps each, whose icons make 10 MB. */
export function rootWithIcons(folder) {
  const root = join(folder, 'icons');
  for (let phone = 0; phone < 5; phone++) {
    const udid = `0000000000000000000000000000051a000000${String(phone).padStart(2, '0')}`;
    const apps = {};
    for (let app = 0; app < 150; app++)
      apps[`com.example.app${app}`] = plistDict({
        ApplicationSINF: randomBytes(1000),
        PlaceholderIcon: randomBytes(50_000),
      });
    mkdirSync(join(root, udid), { recursive: true });
    writeFileSync(join(root, udid, 'Manifest.db'), 'SQLite format 3\0');
    writePlists(join(root, udid), udid, { Applications: plistDict(apps) });
  }
  return root;
}

function writePlists(path, udid, more) {
  const info = { ...more, 'Device Name': 'Phone', 'Product Type': 'iPhone15,4', 'Product Version': '17.6' };
  writeFileSync(join(path, 'Info.plist'), buildXmlPlist(plistDict({ ...info, 'Target Identifier': udid })));
  const status = { SnapshotState: 'finished', Date: new Date(2026, 0, 1), IsFullBackup: true, Version: '3.3' };
  writeFileSync(join(path, 'Status.plist'), buildBinaryPlist(plistDict(status)));
  const manifest = { Version: '10.0', IsEncrypted: false, Lockdown: plistDict({ ProductVersion: '17.6' }) };
  writeFileSync(join(path, 'Manifest.plist'), buildBinaryPlist(plistDict(manifest)));
}
