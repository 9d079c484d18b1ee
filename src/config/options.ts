/**
 * Every option that all commands share, in one table: its flag, its environment variable, its key in the config file.
 * The command line, the environment, the file and the help are made from it, so that they cannot disagree.
 */
export type OptionKind = 'text' | 'list' | 'switch' | 'duration' | 'count' | 'path' | 'choice';

export interface SharedOption {
  /** Name in the config file, and the long flag without its dashes. */
  readonly key: string;
  readonly short?: string;
  /** What stands for the value in help; none for a switch. */
  readonly placeholder?: string;
  readonly kind: OptionKind;
  readonly choices?: readonly string[];
  /** Tried in this order; the first that is set and not empty counts. */
  readonly env: readonly string[];
  /** May stand in the config file. What confirms or rehearses one run may not. */
  readonly inFile: boolean;
}

const onlyFlag = { env: [], inFile: false } as const;

export const SHARED_OPTIONS = [
  { key: 'udid', short: 'u', placeholder: 'ID', kind: 'list', env: ['IBK_UDID'], inFile: true },
  { key: 'out', short: 'o', placeholder: 'DIR', kind: 'path', env: ['IBK_OUT'], inFile: true },
  { key: 'root', placeholder: 'DIR', kind: 'path', ...onlyFlag },
  { key: 'usb', kind: 'switch', ...onlyFlag },
  { key: 'network', kind: 'switch', ...onlyFlag },
  { key: 'transport', kind: 'choice', choices: ['any', 'usb', 'network'], env: ['IBK_TRANSPORT'], inFile: true },
  { key: 'usbmuxd', placeholder: 'ADDR', kind: 'text', env: ['USBMUXD_SOCKET_ADDRESS'], inFile: true },
  { key: 'password-file', placeholder: 'F', kind: 'path', env: ['IBK_PASSWORD_FILE'], inFile: true },
  { key: 'password-command', placeholder: 'CMD', kind: 'text', env: ['IBK_PASSWORD_COMMAND'], inFile: true },
  { key: 'password-stdin', kind: 'switch', ...onlyFlag },
  { key: 'password-fd', placeholder: 'N', kind: 'count', ...onlyFlag },
  { key: 'keychain', kind: 'switch', env: ['IBK_KEYCHAIN'], inFile: true },
  { key: 'save-password', kind: 'switch', ...onlyFlag },
  { key: 'new-password-file', placeholder: 'F', kind: 'path', ...onlyFlag },
  { key: 'new-password-command', placeholder: 'CMD', kind: 'text', ...onlyFlag },
  { key: 'new-password-fd', placeholder: 'N', kind: 'count', ...onlyFlag },
  { key: 'wait', placeholder: 'D', kind: 'duration', env: ['IBK_WAIT'], inFile: true },
  { key: 'timeout', placeholder: 'D', kind: 'duration', env: ['IBK_TIMEOUT'], inFile: true },
  { key: 'stall-timeout', placeholder: 'D', kind: 'duration', env: ['IBK_STALL_TIMEOUT'], inFile: true },
  { key: 'passcode-timeout', placeholder: 'D', kind: 'duration', env: ['IBK_PASSCODE_TIMEOUT'], inFile: true },
  { key: 'retries', placeholder: 'N', kind: 'count', env: ['IBK_RETRIES'], inFile: true },
  {
    key: 'durability',
    placeholder: 'MODE',
    kind: 'choice',
    choices: ['full', 'relaxed', 'none'],
    env: ['IBK_DURABILITY'],
    inFile: true,
  },
  { key: 'json', kind: 'switch', env: ['IBK_JSON'], inFile: true },
  {
    key: 'progress',
    placeholder: 'MODE',
    kind: 'choice',
    choices: ['auto', 'bar', 'plain', 'json', 'none'],
    env: ['IBK_PROGRESS'],
    inFile: true,
  },
  {
    key: 'color',
    placeholder: 'WHEN',
    kind: 'choice',
    choices: ['auto', 'always', 'never'],
    env: ['IBK_COLOR'],
    inFile: true,
  },
  { key: 'quiet', short: 'q', kind: 'switch', env: ['IBK_QUIET'], inFile: true },
  { key: 'verbose', short: 'v', kind: 'switch', env: ['IBK_VERBOSE'], inFile: true },
  { key: 'debug', kind: 'switch', env: ['IBK_DEBUG'], inFile: true },
  { key: 'log-file', placeholder: 'F', kind: 'path', env: ['IBK_LOG_FILE'], inFile: true },
  { key: 'trace', placeholder: 'F', kind: 'path', env: ['IBK_TRACE'], inFile: true },
  { key: 'no-input', kind: 'switch', env: ['IBK_NO_INPUT'], inFile: true },
  { key: 'yes', short: 'y', kind: 'switch', ...onlyFlag },
  { key: 'dry-run', short: 'n', kind: 'switch', ...onlyFlag },
] as const satisfies readonly SharedOption[];

export type SharedKey = (typeof SHARED_OPTIONS)[number]['key'];

export function findOption(key: string): SharedOption | undefined {
  return SHARED_OPTIONS.find((option) => option.key === key);
}
