/** Scenarios of the backup service: what the phone does during a backup that has bitten a client, or could. */
import type { ScenarioDefinition } from './definition.js';

/** Moments of a backup at which something can happen. `connect`: before the version exchange. */
export const BACKUP_PHASES = ['connect', 'passcode', 'scan', 'receive', 'finish'] as const;
export type BackupPhase = (typeof BACKUP_PHASES)[number];

/** Paths that lead out of the phone's folder, or into what the computer keeps beside it: no computer may follow one. */
export const ESCAPING_PATHS = [
  'parent',
  'parent-inside',
  'parent-middle',
  'parent-itself',
  'absolute',
  'absolute-own',
  'double-slash',
  'proc',
  'other-device',
  'ibk-folder',
  'ibk-inside',
  'ibk-below',
  'ibk-case',
  'drive',
  'drive-inside',
  'share',
  'nul',
  'nul-first',
  'backslash',
  'dot-first',
  'home',
  'lookalike',
  'lookalike-slash',
  'longer-udid',
  'udid-case',
  'udid-dot',
  'udid-space',
  'empty',
] as const;

/** Names in the phone's own folder that a disk, a system or a terminal might make something else of: a computer may refuse them, or keep them there. */
export const ODD_PATHS = [
  'folder',
  'long',
  'long-name',
  'deep',
  'dos-device',
  'dos-device-extension',
  'trailing-dot',
  'trailing-space',
  'stream',
  'case-twin',
  'snapshot-twin',
  'short-name',
  'wildcard',
  'control',
  'bidi',
  'surrogate',
  'composed-twin',
  'planted-link',
] as const;

export const ATTACK_PATHS = [...ESCAPING_PATHS, ...ODD_PATHS] as const;
export type AttackPath = (typeof ATTACK_PATHS)[number];

/** Messages that carry a path. */
export const ATTACK_MESSAGES = [
  'upload',
  'download',
  'list',
  'list-message',
  'mkdir',
  'move-from',
  'move-to',
  'move-files-from',
  'move-files-to',
  'remove',
  'remove-files',
  'copy-from',
  'copy-to',
] as const;
export type AttackMessage = (typeof ATTACK_MESSAGES)[number];

const attacks = ATTACK_PATHS.flatMap((path) => [path, ...ATTACK_MESSAGES.map((message) => `${path}:${message}`)]);

export const BACKUP_SCENARIOS: readonly ScenarioDefinition[] = [
  // Content
  { name: 'even-sizes', description: 'all files between 1/32 of the mean and twice the mean, for benchmarks' },
  { name: 'huge-file', value: 'SIZE', defaultValue: '5G', description: 'one more file, of SIZE, in the camera roll' },
  {
    name: 'manifest-bytes',
    value: 'SIZE',
    defaultValue: '1500M',
    description: 'Manifest.db is larger by SIZE, as on a phone with a million files',
  },
  { name: 'real-key-cost', description: 'key derivation costs as much as on a real phone (seconds)' },
  // Prompts and answers
  { name: 'passcode-refused', description: 'the passcode prompt is not answered: error 208' },
  { name: 'passcode-manual', description: 'the passcode prompt waits for `ibk sim ctl passcode`' },
  {
    name: 'final',
    value: 'CODE[:PHASE]',
    description: 'the phone ends the backup with this MBErrorDomain code, in a phase (default: a fitting one)',
  },
  {
    name: 'no-response',
    value: 'HOW',
    choices: ['eof', 'disconnect'],
    defaultValue: 'eof',
    description: 'at the end, good or bad, the phone closes, or sends DLMessageDisconnect, instead of its answer',
  },
  { name: 'low-space', description: 'the backup is larger than any disk: purge request (iOS 14+), then error 105' },
  // Time and link
  { name: 'silent', value: 'PHASE:SECONDS', description: 'the phone says nothing for a while in a phase' },
  { name: 'cut', value: 'PHASE', choices: BACKUP_PHASES, description: 'the cable is pulled in a phase' },
  { name: 'cut-after-bytes', value: 'N', description: 'the cable is pulled after N bytes of the backup connection' },
  {
    name: 'cancel',
    value: 'PHASE',
    choices: BACKUP_PHASES,
    description: 'the backup is stopped at the phone in a phase',
  },
  { name: 'chunk', value: 'N', defaultValue: '1', description: 'the backup service writes in pieces of N bytes' },
  { name: 'data-frame', value: 'N', defaultValue: '1', description: 'data frames of uploads hold N bytes' },
  // Messages
  {
    name: 'progress',
    value: 'HOW',
    choices: ['missing', 'integer', 'backwards', 'nan', 'negative', 'huge', 'text'],
    description: 'the progress element is left out, an integer, a text, no percentage at all, or goes backwards',
  },
  { name: 'read-state-at-once', description: 'status and manifests are asked for in one message, not in three' },
  { name: 'status-in-root', description: 'the status `uploading` goes to the backup folder itself, not into Snapshot' },
  { name: 'devicelink-version', value: 'N', description: 'the phone announces this DeviceLink version' },
  { name: 'unknown-message', description: 'the phone sends DLMessageFoo once' },
  { name: 'ping', description: 'the phone sends DLMessagePing once, which needs no answer' },
  {
    name: 'bad-message',
    value: 'HOW',
    choices: ['length', 'garbage', 'not-array', 'no-name', 'cyclic', 'huge-array', 'deep'],
    description: 'the phone sends a frame of length 0xffffffff, or a malformed property list',
  },
  { name: 'endless-listing', value: 'N', defaultValue: '20000', description: 'the phone asks N times for one listing' },
  {
    name: 'lie',
    value: 'HOW',
    choices: ['nothing', 'no-manifest', 'missing-file', 'unfinished', 'twice', 'error-after'],
    description: 'the phone reports a success that is none, reports it twice, or an error after it',
  },
  // Files
  { name: 'zero-file-batch', description: 'an upload without any file' },
  {
    name: 'file-error',
    value: 'HOW[:COUNT]',
    description: 'COUNT files fail: `first` (0x0B at once), `data` (0x0B after some data) or `unknown` (code 0x7F)',
  },
  {
    name: 'manifest-upload-error',
    description: 'the upload of backup_manifest.db fails (0x0B), as in some builds of iOS 17',
  },
  { name: 'empty-download', description: 'a download of no files' },
  { name: 'missing-among-many', description: 'a download of many files, one of which is missing' },
  {
    name: 'move',
    value: 'HOW',
    choices: [
      'existing-file',
      'existing-directory',
      'full-directory',
      'directory',
      'missing-parent',
      'missing-source',
      '10000',
    ],
    description: 'an odd move: onto a file or directory, of a directory, into a missing one, of 10,000 files at once',
  },
  { name: 'remove', value: 'HOW', choices: ['missing', 'deep'], description: 'removes a missing path, or a deep tree' },
  {
    name: 'copy',
    value: 'HOW',
    choices: ['file', 'directory'],
    description: 'has a file or a directory copied, and checks it',
  },
  {
    name: 'restore-copy',
    description: 'a restore has a file of the backup copied on the computer, and reads the copy',
  },
  {
    name: 'attack',
    value: 'PATH[:MESSAGE]',
    choices: attacks,
    description:
      `a path that leaves the phone's folder (${ESCAPING_PATHS.join(', ')}) or is odd (${ODD_PATHS.join(', ')}) ` +
      `in a message (${ATTACK_MESSAGES.join(', ')})`,
  },
];
