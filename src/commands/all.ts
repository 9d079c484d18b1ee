/** Every command but `sim`, by the words that people type. A command is loaded only when its word is there, since most of a short run is loading. */
import type { CommandSpec } from './command.js';

type Load = () => Promise<CommandSpec>;

const COMMANDS: readonly (readonly [words: readonly string[], load: Load])[] = [
  [['backup'], async () => (await import('./backup.js')).backupCommand],
  [['restore'], async () => (await import('./restore.js')).restoreCommand],
  [['list', 'ls'], async () => (await import('./list.js')).listCommand],
  [['find'], async () => (await import('./find.js')).findCommand],
  [['copy'], async () => (await import('./copy.js')).copyCommand],
  [['import'], async () => (await import('./import.js')).importCommand],
  [['edit'], async () => (await import('./edit.js')).editCommand],
  [['diff'], async () => (await import('./diff.js')).diffCommand],
  [['tag'], async () => (await import('./tag.js')).tagCommand],
  [['forget'], async () => (await import('./forget.js')).forgetCommand],
  [['prune'], async () => (await import('./prune.js')).pruneCommand],
  [['stats'], async () => (await import('./stats.js')).statsCommand],
  [['extract'], async () => (await import('./extract.js')).extractCommand],
  [['unback'], async () => (await import('./unback.js')).unbackCommand],
  [['info'], async () => (await import('./info.js')).infoCommand],
  [['verify', 'check'], async () => (await import('./verify.js')).verifyCommand],
  [['decrypt'], async () => (await import('./decrypt.js')).decryptCommand],
  [['encrypt', 'encryption'], async () => (await import('./encrypt.js')).encryptCommand],
  [['repair'], async () => (await import('./repair.js')).repairCommand],
  [['doctor'], async () => (await import('./doctor.js')).doctorCommand],
  [['devices'], async () => (await import('./devices.js')).devicesCommand],
  [['pair'], async () => (await import('./pair.js')).pairCommand],
  [['unpair'], async () => (await import('./unpair.js')).unpairCommand],
  [['wifi'], async () => (await import('./wifi.js')).wifiCommand],
  [['cloud'], async () => (await import('./cloud.js')).cloudCommand],
  [['erase', 'erase-device'], async () => (await import('./erase.js')).eraseCommand],
  [['idevicebackup2'], async () => (await import('./idevicebackup2.js')).idevicebackup2Command],
  [['unlock'], async () => (await import('./unlock.js')).unlockCommand],
];

/** The one that the first argument names; else those whose word is among them, wherever: which of these is the command is for the parser to say. */
export async function commandsNamed(args: readonly string[]): Promise<readonly CommandSpec[]> {
  const [first = ''] = args;
  const at = COMMANDS.filter(([words]) => words.includes(first));
  const named = at.length > 0 ? at : COMMANDS.filter(([words]) => words.some((word) => args.includes(word)));
  return Promise.all(named.map(([, load]) => load()));
}

/** All of them, each with the words that load it. */
export async function allCommands(): Promise<
  readonly { readonly words: readonly string[]; readonly spec: CommandSpec }[]
> {
  return Promise.all(COMMANDS.map(async ([words, load]) => ({ words, spec: await load() })));
}
