/** A phone's files from a seed: how many, how large, and where they lie. Realistic in its spread, invented in its content. */
import { CONTENT_APPS, CONTENT_GROUPS, CONTENT_PLUGINS } from './domains.js';
import {
  type FileMaker,
  makeContacts,
  makeDatabase,
  makeEmpty,
  makeKeychain,
  makePreferences,
  makeSmsDatabase,
  makeText,
} from './made-files.js';
import { SeededRandom } from './random.js';

export interface SeededOptions {
  readonly seed: number;
  /** Regular files. Directories and links come on top. */
  readonly files: number;
  /** Bytes of the ordinary files together; the databases and oddly named files of a phone of some size (about 0.5 MB) come on top. */
  readonly bytes: number;
  /** All sizes between 1/32 of the mean and twice the mean, instead of large photos and small settings. For benchmarks. */
  readonly evenSizes?: boolean;
  /** One more file of this size, in the camera roll. */
  readonly hugeFileBytes?: number;
}

/** A file before it has numbers and dates. */
export interface FilePlan {
  readonly domain: string;
  readonly relativePath: string;
  readonly make?: FileMaker;
  readonly sizeBytes?: number;
  readonly extendedAttributes?: Readonly<Record<string, Buffer>>;
  readonly protectionClass?: number;
  readonly permissions?: number;
}

export interface LinkPlan {
  readonly domain: string;
  readonly relativePath: string;
  readonly target: string;
}

const NOTES = 'AppDomain-com.example.notes';

/** Files that every phone of some size has: the databases that people look for, and names that have broken programs. */
const FIXED_FILES: readonly FilePlan[] = [
  { domain: 'HomeDomain', relativePath: 'Library/SMS/sms.db', make: makeSmsDatabase },
  { domain: 'HomeDomain', relativePath: 'Library/AddressBook/AddressBook.sqlitedb', make: makeContacts },
  { domain: 'HomeDomain', relativePath: 'Library/Calendar/Calendar.sqlitedb', make: makeDatabase },
  {
    domain: 'HomeDomain',
    relativePath: 'Library/Preferences/com.apple.springboard.plist',
    make: makePreferences,
    permissions: 0o600,
    extendedAttributes: { 'com.example.note': Buffer.from([1, 2, 3, 0, 255]), 'com.example.empty': Buffer.alloc(0) },
  },
  // Two names that differ only in case, as seen on a real phone.
  { domain: 'HomeDomain', relativePath: 'Library/Preferences/com.apple.messages.plist', make: makePreferences },
  { domain: 'HomeDomain', relativePath: 'Library/Preferences/com.apple.Messages.plist', make: makePreferences },
  { domain: 'KeychainDomain', relativePath: 'keychain-backup.plist', make: makeKeychain, protectionClass: 4 },
  { domain: 'CameraRollDomain', relativePath: 'Media/PhotoData/Photos.sqlite', make: makeDatabase },
  { domain: 'WirelessDomain', relativePath: 'Library/Databases/CellularUsage.db', make: makeDatabase },
  { domain: 'HealthDomain', relativePath: 'Health/healthdb.sqlite', make: makeDatabase, protectionClass: 2 },
  { domain: 'HomeKitDomain', relativePath: 'Library/homed/datastore3.sqlite', make: makeDatabase },
  {
    domain: 'SystemPreferencesDomain',
    relativePath: 'SystemConfiguration/com.apple.wifi.plist',
    make: makePreferences,
  },
  { domain: 'SystemPreferencesDomain', relativePath: 'SystemConfiguration/preferences.plist', make: makePreferences },
  {
    domain: 'SysContainerDomain-com.apple.geod',
    relativePath: 'Library/Preferences/com.apple.GEO.plist',
    make: makePreferences,
  },
  {
    domain: 'SysSharedContainerDomain-systemgroup.com.apple.bluetooth',
    relativePath: 'Library/Database/devices.db',
    make: makeDatabase,
  },
  { domain: NOTES, relativePath: 'Documents/Grüße.txt', make: makeText },
  { domain: NOTES, relativePath: 'Documents/Gru\u0308ße (NFD).txt', make: makeText },
  { domain: NOTES, relativePath: 'Documents/📷 Urlaub 👩‍👩‍👧.txt', make: makeText },
  { domain: NOTES, relativePath: 'Documents/Notes.txt', make: makeText },
  { domain: NOTES, relativePath: 'Documents/notes.txt', make: makeText },
  { domain: NOTES, relativePath: `Documents/${'a very long name '.repeat(14)}.txt`, make: makeText },
  { domain: NOTES, relativePath: 'Documents/aux.txt', make: makeText },
  { domain: NOTES, relativePath: 'Documents/what: "this" <or> that?*|.txt', make: makeText },
  { domain: NOTES, relativePath: 'Documents/ends with a dot.', make: makeText },
  { domain: NOTES, relativePath: 'Documents/tab\there.txt', make: makeText },
  { domain: NOTES, relativePath: 'Documents/back\\slash.txt', make: makeText },
  { domain: NOTES, relativePath: 'Documents/empty.txt', make: makeEmpty },
  { domain: NOTES, relativePath: 'Documents/sixteen.bin', sizeBytes: 16 },
  { domain: NOTES, relativePath: 'Documents/one page.bin', sizeBytes: 4096 },
  { domain: NOTES, relativePath: 'Documents/one frame.bin', sizeBytes: 32_768 },
  { domain: 'MediaDomain', relativePath: 'Library/SMS/Attachments/00/empty.vcf', make: makeEmpty },
];

const LINKS: readonly LinkPlan[] = [
  { domain: 'HomeDomain', relativePath: 'Library/Logs/Latest', target: '/private/var/mobile/Library/Logs/2026' },
  { domain: NOTES, relativePath: 'Library/Shared', target: '../Documents' },
  { domain: NOTES, relativePath: 'Library/Dangling ⛓', target: '../no such file' },
];

/** Below this number of files a phone holds only the ordinary ones, so that `--files 1 --bytes 2G` is one file of 2 GiB. */
const FIXED_FROM = 60;

export function planSeededFiles(options: SeededOptions): { files: FilePlan[]; links: readonly LinkPlan[] } {
  const random = new SeededRandom(`content/${options.seed}`);
  const fixed = options.files >= FIXED_FROM ? FIXED_FILES : [];
  const count = Math.max(0, options.files - fixed.length);
  const names = new OrdinaryFiles(random);
  const ordinary = Array.from({ length: count }, (_, i) => names.next(i, options.evenSizes === true));
  const sizes = shareBytes(
    ordinary.map((file) => file.weight),
    options.bytes,
  );
  const files: FilePlan[] = ordinary.map(({ domain, relativePath }, i) => ({
    domain,
    relativePath,
    sizeBytes: sizes[i] ?? 0,
  }));
  if (options.hugeFileBytes !== undefined) {
    const relativePath = 'Media/DCIM/999APPLE/IMG_9999.MOV';
    files.push({ domain: 'CameraRollDomain', relativePath, sizeBytes: options.hugeFileBytes });
  }
  return { files: [...fixed, ...files], links: fixed.length > 0 ? LINKS : [] };
}

/** Shares `total` by weight, in whole bytes; every seventh size a multiple of 16 (where padding errors hide), the last takes the rest. */
function shareBytes(weights: readonly number[], total: number): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  let left = total;
  return weights.map((weight, i) => {
    if (i === weights.length - 1) return Math.max(0, left);
    const exact = Math.floor((total * weight) / sum);
    const size = i % 7 === 3 ? exact - (exact % 16) : exact;
    left -= size;
    return size;
  });
}

interface OrdinaryFile {
  readonly domain: string;
  readonly relativePath: string;
  readonly weight: number;
}

/** Names ordinary files, photos first: about a third of all files, most of the bytes. */
export class OrdinaryFiles {
  readonly #random: SeededRandom;
  #photos = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  next(index: number, even: boolean): OrdinaryFile {
    const file = this.#named(index);
    return even ? { ...file, weight: 1 / 32 + this.#random.unit() * (2 - 1 / 32) } : file;
  }

  #named(index: number): OrdinaryFile {
    const random = this.#random;
    const id = index.toString(16).padStart(6, '0');
    switch (index % 10) {
      case 0:
      case 3:
      case 6:
        return this.#photo();
      case 1: {
        const relativePath = `Library/SMS/Attachments/${id.slice(-2)}/${id.slice(-4, -2)}/${id}/IMG_${index}.heic`;
        return { domain: 'MediaDomain', relativePath, weight: 0.3 + random.unit() };
      }
      case 2:
      case 4: {
        const app = random.pick(CONTENT_APPS).bundleId;
        const relativePath = `Documents/Projects/${random.below(20)}/document-${index}.dat`;
        return { domain: `AppDomain-${app}`, relativePath, weight: 0.02 + random.unit() ** 4 * 2 };
      }
      case 5: {
        const relativePath = `Library/Preferences/com.example.setting-${index}.bin`;
        return { domain: 'HomeDomain', relativePath, weight: 0.005 + random.unit() * 0.01 };
      }
      case 7: {
        const domain = `AppDomainGroup-${random.pick(CONTENT_GROUPS)}`;
        return { domain, relativePath: `Media/${id.slice(-2)}/${id}.jpg`, weight: 0.1 + random.unit() };
      }
      case 8: {
        const relativePath = `Library/Mail/Index/${id.slice(-1)}/envelope-${index}.bin`;
        return { domain: 'HomeDomain', relativePath, weight: 0.02 + random.unit() * 0.1 };
      }
      default: {
        const domain = `AppDomainPlugin-${random.pick(CONTENT_PLUGINS)}`;
        return { domain, relativePath: `Library/State/state-${index}.bin`, weight: 0.01 + random.unit() * 0.05 };
      }
    }
  }

  #photo(): OrdinaryFile {
    const number = this.#photos;
    this.#photos += 1;
    const folder = `${100 + Math.floor(number / 999)}APPLE`;
    const video = number % 12 === 0;
    const name = `IMG_${String((number % 9999) + 1).padStart(4, '0')}.${video ? 'MOV' : 'JPG'}`;
    const weight = (video ? 12 : 1) * (0.5 + this.#random.unit());
    return { domain: 'CameraRollDomain', relativePath: `Media/DCIM/${folder}/${name}`, weight };
  }
}
