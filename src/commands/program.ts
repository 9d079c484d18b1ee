/** The command line: which command, which options; mistakes are told in our own words, with what was probably meant. */
import { Command, CommanderError } from 'commander';
import { type Flags, sharedOptions } from '../config/config.js';
import { nearest } from '../nearest.js';
import { IbkError } from '../errors.js';
import { COMMAND_NAMES, commandHelp } from '../ui/help.js';
import { VERSION } from '../version.js';
import { addSharedOptions, type CommandSpec, type OwnOptions, repeatableOption, typedFlags } from './command.js';

/** What the arguments ask for. */
export type Request =
  | { readonly kind: 'first_contact' }
  | { readonly kind: 'overview' }
  | { readonly kind: 'version' }
  | { readonly kind: 'help'; readonly lines: readonly string[] }
  | { readonly kind: 'sim'; readonly args: readonly string[] }
  | {
      readonly kind: 'command';
      readonly spec: CommandSpec;
      readonly flags: Flags;
      readonly options: OwnOptions;
      readonly words: readonly string[];
    };

/** @throws IbkError `usage` */
export function readArguments(args: readonly string[], specs: readonly CommandSpec[]): Request {
  const [first] = args;
  if (!specs.some(({ help, passThrough }) => passThrough === true && help.name === first)) refusePassword(args);
  let request: Request | undefined;
  const program = bare(new Command('ibk')).enablePositionalOptions().allowUnknownOption().allowExcessArguments();
  program.option('-V, --version').option('-h, --help');
  addSharedOptions(program);
  for (const spec of specs) {
    const { name } = spec.help;
    const command = bare(program.command(name)).allowExcessArguments();
    if (spec.passThrough === true) {
      command
        .passThroughOptions()
        .allowUnknownOption()
        .action(() => {
          refuseOptionsBefore(program, name);
          request = { kind: 'command', spec, flags: {}, options: {}, words: command.args };
        });
      continue;
    }
    command.option('-h, --help');
    command.aliases([...(spec.aliases ?? [])]);
    for (const flags of spec.options) command.option(flags);
    for (const flags of spec.repeatable ?? []) command.addOption(repeatableOption(flags));
    addSharedOptions(command);
    command.action(() => {
      const options: OwnOptions = command.opts();
      const before = program.opts<{ help?: boolean; version?: boolean }>();
      if (options.help === true || before.help) request = { kind: 'help', lines: commandHelp(spec.help) };
      else if (before.version) request = { kind: 'version' };
      else {
        refuseArguments(command.args, spec);
        request = { kind: 'command', spec, flags: typedFlags(program, command), options, words: command.args };
      }
    });
  }
  bare(program.command('sim'))
    .passThroughOptions()
    .allowUnknownOption()
    .allowExcessArguments()
    .action((_options: unknown, command: Command) => {
      const { help } = program.opts<{ help?: boolean }>();
      request = { kind: 'sim', args: help ? ['--help'] : command.args };
    });
  bare(program.command('help [command]')).action((name?: string) => {
    request = helpFor(name, specs);
  });
  program.action(() => {
    request = withoutCommand(program);
  });
  try {
    program.parse(args, { from: 'user' });
  } catch (error) {
    throw error instanceof CommanderError ? usageError(error, args, specs) : error;
  }
  return request ?? { kind: 'first_contact' };
}

/** No help, no output, no exit of commander's own. */
function bare(command: Command): Command {
  return command
    .helpOption(false)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
}

function withoutCommand(program: Command): Request {
  const [word] = program.args;
  const { help, version } = program.opts<{ help?: boolean; version?: boolean }>();
  if (word === undefined && help) return { kind: 'overview' };
  if (word === undefined && version) return { kind: 'version' };
  if (word === undefined) {
    if (Object.keys(typedFlags(program, program)).length === 0) return { kind: 'first_contact' };
    throw new IbkError('usage', 'No command was given.', { hint: 'ibk --help' });
  }
  if (word.startsWith('-')) throw unknownOption(word, undefined);
  throw unknownCommand(word);
}

function refuseOptionsBefore(program: Command, name: string): void {
  if (Object.keys(typedFlags(program, program)).length === 0) return;
  throw new IbkError('usage', `ibk ${name} takes the options of ${name}, after its name.`, {
    hint: `ibk ${name} --help`,
  });
}

function helpFor(name: string | undefined, specs: readonly CommandSpec[]): Request {
  if (name === undefined) return { kind: 'overview' };
  if (name === 'sim') return { kind: 'sim', args: ['--help'] };
  const spec = specs.find(({ help, aliases }) => help.name === name || aliases?.includes(name) === true);
  if (spec === undefined) throw unknownCommand(name);
  if (spec.passThrough === true) return { kind: 'command', spec, flags: {}, options: {}, words: ['--help'] };
  return { kind: 'help', lines: commandHelp(spec.help) };
}

function unknownCommand(word: string): IbkError {
  const meant = nearest(word, COMMAND_NAMES);
  return new IbkError('usage', `Unknown command "${word}".${meant === undefined ? '' : ` Did you mean ${meant}?`}`, {
    hint: meant === undefined ? 'ibk --help' : `ibk ${meant}`,
    reason: 'unknown_command',
  });
}

function unknownOption(word: string, spec: CommandSpec | undefined): IbkError {
  const [flag = word] = word.split('=');
  const own = [...(spec?.options ?? []), ...(spec?.repeatable ?? [])].map((each) => each.split(' ')[0] ?? '');
  const known = [...own, ...sharedOptions.map(({ key }) => `--${key}`), '--help', '--version'];
  // Commander takes `--json=yes` for an option that it does not know.
  if (flag !== word && known.includes(flag))
    return new IbkError('usage', `The option ${flag} takes no value.`, {
      hint: spec === undefined ? 'ibk --help' : `ibk ${spec.help.name} --help`,
    });
  const meant = flag.startsWith('--') ? nearest(flag, known) : undefined;
  return new IbkError('usage', `Unknown option "${flag}".${meant === undefined ? '' : ` Did you mean ${meant}?`}`, {
    hint: spec === undefined ? 'ibk --help' : `ibk ${spec.help.name} --help`,
    reason: 'unknown_option',
  });
}

function refuseArguments(words: readonly string[], { help: { name }, mostArguments = 0 }: CommandSpec): void {
  const word = words[mostArguments];
  if (word === undefined) return;
  const most = ['no argument', 'one argument'][mostArguments] ?? `${mostArguments} arguments`;
  const which = mostArguments === 0 ? 'one' : 'another';
  throw new IbkError('usage', `ibk ${name} takes ${most}, and "${word}" is ${which}.`, { hint: `ibk ${name} --help` });
}

/** The value of such an option could be read in the list of processes, and stays in the shell's history. */
function refusePassword(args: readonly string[]): void {
  if (!args.some((arg) => arg === '--password' || arg.startsWith('--password='))) return;
  throw new IbkError('usage', '--password takes no value: other users of this computer could read it.', {
    hint: 'Type it when asked, or use --password-file, -command, -stdin, IBK_PASSWORD.',
  });
}

function usageError(error: CommanderError, args: readonly string[], specs: readonly CommandSpec[]): IbkError {
  const spec = specs.find(({ help }) => args.includes(help.name));
  const hint = spec === undefined ? 'ibk --help' : `ibk ${spec.help.name} --help`;
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  if (error.code === 'commander.unknownOption') return unknownOption(quoted, spec);
  if (error.code === 'commander.optionMissingArgument') {
    return new IbkError('usage', `The option ${quoted.replace(/^-\w, | <.*$/g, '')} needs a value.`, { hint });
  }
  return new IbkError('usage', error.message.replace(/^error: /, ''), { hint });
}

export function versionLine(): string {
  return `ibk ${VERSION}`;
}
