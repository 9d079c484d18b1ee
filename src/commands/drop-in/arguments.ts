/**
 * The command line of idevicebackup2 1.3: `[OPTIONS] CMD [CMDOPTIONS] DIRECTORY`, options anywhere. As there, except that no option and no verb is ever taken
 * for a password (`encryption on -i`), and that what it does not know is refused, not taken for the folder.
 */
export const VERBS = ['backup', 'restore', 'info', 'list', 'unback', 'encryption', 'changepw', 'cloud'] as const;

export type Verb = (typeof VERBS)[number];

export interface DropInArguments {
  readonly verb: Verb;
  /** Of `encryption` and `cloud`. */
  readonly on: boolean;
  readonly directory: string | undefined;
  readonly udid: string | undefined;
  readonly source: string | undefined;
  readonly network: boolean;
  readonly interactive: boolean;
  readonly debug: boolean;
  readonly full: boolean;
  readonly system: boolean;
  readonly settings: boolean;
  readonly remove: boolean;
  readonly copy: boolean;
  readonly reboot: boolean;
  readonly skipApps: boolean;
  /** `--password`, and the words after `encryption on|off` and `changepw`. */
  readonly passwords: readonly string[];
}

export type Parsed =
  | { readonly kind: 'help' | 'version' }
  /** What is wrong, in a sentence. */
  | { readonly kind: 'wrong'; readonly message: string }
  | { readonly kind: 'run'; readonly asked: DropInArguments };

const SWITCHES: Readonly<Record<string, string>> = {
  '-d': 'debug',
  '--debug': 'debug',
  '-n': 'network',
  '--network': 'network',
  '-i': 'interactive',
  '--interactive': 'interactive',
  '--full': 'full',
  '--system': 'system',
  '--settings': 'settings',
  '--remove': 'remove',
  '--copy': 'copy',
  '--reboot': 'reboot',
  '--no-reboot': 'noReboot',
  '--skip-apps': 'skipApps',
};

const VALUES: Readonly<Record<string, string>> = {
  '-u': 'udid',
  '--udid': 'udid',
  '-s': 'source',
  '--source': 'source',
  '--password': 'password',
};

/** Words that each verb takes before DIRECTORY, at most. */
const WORDS: Readonly<Partial<Record<Verb, number>>> = { encryption: 2, changepw: 2, cloud: 1 };

export function parseDropIn(args: readonly string[]): Parsed {
  const switches = new Set<string>();
  const values = new Map<string, string>();
  const words: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? '';
    if (arg === '-h' || arg === '--help') return { kind: 'help' };
    if (arg === '-v' || arg === '--version') return { kind: 'version' };
    if (arg === '--') {
      words.push(...args.slice(at + 1));
      break;
    }
    const [name, joined] = splitOption(arg);
    const flag = SWITCHES[name];
    const key = VALUES[name];
    if (key !== undefined) {
      const value = joined ?? args[++at];
      if (value === undefined || value === '') return wrong(`The option ${name} needs a value.`);
      values.set(key, value);
    } else if (flag !== undefined && joined === undefined) switches.add(flag);
    else if (arg.startsWith('-') && arg !== '-') return wrong(`Unknown option ${name}.`);
    else words.push(arg);
  }
  return understand(words, switches, values);
}

/** `--udid=U` and `-uU`, too. */
function splitOption(arg: string): [name: string, value: string | undefined] {
  const equals = arg.indexOf('=');
  if (arg.startsWith('--') && equals > 0) return [arg.slice(0, equals), arg.slice(equals + 1)];
  const short = arg.slice(0, 2);
  return /^-[us]./.test(arg) && VALUES[short] !== undefined ? [short, arg.slice(2)] : [arg, undefined];
}

function understand(
  words: readonly string[],
  switches: ReadonlySet<string>,
  values: ReadonlyMap<string, string>,
): Parsed {
  const at = words.findIndex(isVerb);
  const verb = words[at];
  if (verb === undefined || !isVerb(verb)) return wrong('No command specified.');
  const following = words.slice(at + 1);
  const own = following.splice(0, WORDS[verb] ?? 0);
  const isSwitch = verb === 'encryption' || verb === 'cloud';
  const state = isSwitch ? own.shift() : undefined;
  if (isSwitch && state !== 'on' && state !== 'off')
    return wrong(`${verb} takes 'on' or 'off'${state === undefined ? '' : `, not '${state}'`}.`);
  const [directory, ...others] = [...words.slice(0, at), ...following];
  if (others.length > 0) return wrong(`There are more arguments than ${verb} takes: ${others.join(' ')}`);
  const needsDirectory = !(verb in WORDS);
  if (needsDirectory && directory === undefined) return wrong('No target backup directory specified.');
  const password = values.get('password');
  return {
    kind: 'run',
    asked: {
      verb,
      on: state === 'on',
      directory,
      udid: values.get('udid'),
      source: values.get('source'),
      network: switches.has('network'),
      interactive: switches.has('interactive'),
      debug: switches.has('debug'),
      full: switches.has('full'),
      system: switches.has('system'),
      settings: switches.has('settings'),
      remove: switches.has('remove'),
      copy: switches.has('copy'),
      reboot: !switches.has('noReboot'),
      skipApps: switches.has('skipApps'),
      passwords: password === undefined ? own : [password],
    },
  };
}

function isVerb(word: string): word is Verb {
  return VERBS.some((verb) => verb === word);
}

function wrong(message: string): Parsed {
  return { kind: 'wrong', message };
}
