/**
 * What a person wants, and where it lies: the kinds of `--type`. Paths are globs over a domain; those that end in a database stand for its `-wal`, `-shm` and
 * `-journal`, too, since a database without them lacks its newest entries.
 *
 * The places are those that published readers of backups agree on; the ones marked inferred nobody confirmed.
 */
export interface FileType {
  readonly name: string;
  /** For `--help` and error messages: "the messages", "Health data". */
  readonly words: string;
  readonly places: readonly (readonly [domain: string, ...paths: readonly string[]])[];
  /** iOS puts these into encrypted backups alone. */
  readonly encryptedOnly?: true;
}

const SAFARI = 'Library/Safari';
const SAFARI_FILES = [
  `${SAFARI}/{Bookmarks,History,BrowserState,SafariTabs,CloudTabs}.db`,
  `${SAFARI}/Profiles/*/*.db`,
  `${SAFARI}/**/*.plist`,
  'Library/Cookies/Cookies.binarycookies',
];
const BLUETOOTH = 'SysSharedContainerDomain-systemgroup.com.apple.bluetooth';
const PROFILES = 'SysSharedContainerDomain-systemgroup.com.apple.configurationprofiles';
const WHATSAPP = 'AppDomainGroup-group.net.whatsapp.WhatsApp';

export const FILE_TYPES: readonly FileType[] = [
  {
    name: 'photos',
    words: 'photos and videos',
    // Thumbnails and what is made from the photos again (PhotoData/Thumbnails, Metadata) stay out.
    places: [
      [
        'CameraRollDomain',
        'Media/DCIM/**',
        'Media/PhotoData/CPLAssets/**',
        'Media/PhotoData/Mutations/**',
        'Media/PhotoData/Photos.sqlite',
      ],
    ],
  },
  {
    name: 'messages',
    words: 'messages and their attachments',
    places: [
      ['HomeDomain', 'Library/SMS/sms.db', 'Library/SMS/Drafts/**'],
      ['MediaDomain', 'Library/SMS/{Attachments,Parts,StickerCache}/**'],
    ],
  },
  {
    name: 'contacts',
    words: 'contacts',
    places: [['HomeDomain', 'Library/AddressBook/AddressBook{,Images}.sqlitedb']],
  },
  {
    name: 'calls',
    words: 'the call history',
    places: [
      ['HomeDomain', 'Library/CallHistoryDB/CallHistory{,Temp}.storedata'],
      ['WirelessDomain', 'Library/CallHistory/call_history.db'],
    ],
  },
  {
    name: 'notes',
    words: 'notes',
    places: [
      ['AppDomainGroup-group.com.apple.notes', 'NoteStore.sqlite', 'Accounts/**'],
      ['HomeDomain', 'Library/Notes/notes.sqlite'],
    ],
  },
  {
    name: 'calendar',
    words: 'calendars',
    // The group is inferred.
    places: [
      ['HomeDomain', 'Library/Calendar/Calendar.sqlitedb'],
      ['AppDomainGroup-group.com.apple.calendar', 'Calendar.sqlitedb'],
    ],
  },
  {
    name: 'reminders',
    words: 'reminders',
    // Up to iOS 12 they are in the calendar.
    places: [
      ['AppDomainGroup-group.com.apple.reminders', 'Container_v1/Stores/Data-*.sqlite'],
      ['HomeDomain', 'Library/Calendar/Calendar.sqlitedb'],
    ],
  },
  {
    name: 'voicemail',
    words: 'voicemail',
    places: [['HomeDomain', 'Library/Voicemail/voicemail.db', 'Library/Voicemail/*.{amr,transcript}']],
  },
  {
    name: 'voice-memos',
    words: 'voice memos',
    places: [
      ['AppDomainGroup-group.com.apple.VoiceMemos.shared', 'Recordings/CloudRecordings.db', 'Recordings/**'],
      ['MediaDomain', 'Media/Recordings/{CloudRecordings,Recordings}.db', 'Media/Recordings/**'],
    ],
  },
  {
    name: 'safari',
    words: 'Safari: bookmarks, history, tabs, cookies',
    places: [
      ['HomeDomain', ...SAFARI_FILES],
      ['AppDomain-com.apple.mobilesafari', ...SAFARI_FILES],
    ],
  },
  {
    name: 'wifi',
    words: 'Wi-Fi networks',
    encryptedOnly: true,
    places: [
      [
        'SystemPreferencesDomain',
        'com.apple.wifi.known-networks.plist',
        'SystemConfiguration/com.apple.wifi{,-private-mac-networks}.plist',
      ],
    ],
  },
  {
    name: 'whatsapp',
    words: 'WhatsApp: chats and media',
    places: [
      [`${WHATSAPP}.shared`, '**'],
      [`${WHATSAPP}SMB.shared`, '**'],
      ['AppDomain-net.whatsapp.WhatsApp', 'Documents/ChatStorage.sqlite', 'Library/Media/**'],
    ],
  },
  {
    name: 'health',
    words: 'Health data',
    encryptedOnly: true,
    places: [['HealthDomain', 'Health/healthdb{,_secure}.sqlite', 'Health/**', 'MedicalID/**']],
  },
  {
    name: 'wallpaper',
    words: 'wallpapers',
    // PosterBoard (iOS 16 and later) is inferred.
    places: [
      ['HomeDomain', 'Library/SpringBoard/{Lock,Home}Background*'],
      [
        'AppDomain-com.apple.PosterBoard',
        'Library/Application Support/PRBPosterExtensionDataStore/**/*.{heic,png,jpg}',
      ],
    ],
  },
  { name: 'keychain', words: 'the keychain', places: [['KeychainDomain', 'keychain-backup.plist']] },
  {
    name: 'accounts',
    words: 'accounts (mail, calendars, iCloud)',
    places: [['HomeDomain', 'Library/Accounts/Accounts*.sqlite']],
  },
  {
    name: 'profiles',
    words: 'configuration profiles',
    places: [
      [PROFILES, 'Library/ConfigurationProfiles/**'],
      ['HomeDomain', 'Library/ConfigurationProfiles/**'],
    ],
  },
  {
    name: 'bluetooth',
    words: 'Bluetooth devices',
    places: [[BLUETOOTH, 'Library/Database/*.db', 'Library/Preferences/com.apple.MobileBluetooth.devices.plist']],
  },
  {
    name: 'apps',
    words: 'files of all apps',
    places: [
      ['AppDomain-*', '**'],
      ['AppDomainGroup-*', '**'],
      ['AppDomainPlugin-*', '**'],
    ],
  },
  {
    name: 'files',
    words: 'On My iPhone and iCloud Drive',
    places: [
      ['AppDomainGroup-group.com.apple.FileProvider.LocalStorage', 'File Provider Storage/**'],
      ['HomeDomain', 'Library/Mobile Documents/com~apple~CloudDocs/**'],
    ],
  },
  { name: 'shortcuts', words: 'shortcuts', places: [['HomeDomain', 'Library/Shortcuts/Shortcuts.sqlite']] },
  {
    name: 'home',
    words: 'the Home app',
    encryptedOnly: true,
    places: [['HomeKitDomain', 'Library/homed/datastore*.sqlite']],
  },
  {
    name: 'wallet',
    words: 'Wallet passes',
    places: [['HomeDomain', 'Library/Passes/Cards/**', 'Library/Passes/passes*.sqlite']],
  },
  {
    name: 'interactions',
    words: 'contacts with people',
    encryptedOnly: true,
    places: [['HomeDomain', 'Library/CoreDuet/People/interactionC.db']],
  },
  {
    name: 'permissions',
    words: 'permissions of apps',
    places: [
      ['HomeDomain', 'Library/TCC/TCC.db'],
      ['RootDomain', 'Library/Caches/locationd/clients.plist'],
    ],
  },
  {
    name: 'usage',
    words: 'data usage and SIM cards',
    places: [['WirelessDomain', 'Library/Databases/{DataUsage.sqlite,CellularUsage.db}']],
  },
  { name: 'alarms', words: 'alarms', places: [['HomeDomain', 'Library/Preferences/com.apple.mobiletimerd.plist']] },
  { name: 'keyboard', words: 'the keyboard dictionary', places: [['KeyboardDomain', '**']] },
  { name: 'home-screen', words: 'the home screen', places: [['HomeDomain', 'Library/SpringBoard/IconState.plist']] },
  {
    name: 'settings',
    words: 'language, restrictions, dates of backups',
    places: [
      [
        'HomeDomain',
        'Library/Preferences/{.GlobalPreferences,com.apple.restrictionspassword,com.apple.mobile.ldbackup}.plist',
      ],
    ],
  },
];

/** `sms.db` → also `sms.db-wal`, `sms.db-shm`, `sms.db-journal`. */
export function withSiblings(path: string): string {
  return /(?:db|sqlite|sqlitedb|storedata)\}?$/.test(path) ? `${path}{,-wal,-shm,-journal}` : path;
}
