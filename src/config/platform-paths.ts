/** Where a platform keeps a program's data and its config file. Computed from the environment that is handed in. */
import { posix, win32 } from 'node:path';

export interface PlatformFacts {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home folder. */
  readonly home: string;
}

/**
 * The default backup root: never a folder that macOS guards (MobileSync, Desktop, Documents), so that no program that
 * runs ibk needs Full Disk Access.
 */
export function defaultRoot({ platform, env, home }: PlatformFacts): string {
  if (platform === 'win32') return win32.join(env.LOCALAPPDATA || win32.join(home, 'AppData', 'Local'), 'ibk');
  if (platform === 'darwin') return posix.join(home, 'Library', 'Application Support', 'ibk');
  return posix.join(xdgFolder(env.XDG_DATA_HOME) ?? posix.join(home, '.local', 'share'), 'ibk');
}

export function defaultConfigFile({ platform, env, home }: PlatformFacts): string {
  if (platform === 'win32')
    return win32.join(env.APPDATA || win32.join(home, 'AppData', 'Roaming'), 'ibk', 'config.toml');
  return posix.join(xdgFolder(env.XDG_CONFIG_HOME) ?? posix.join(home, '.config'), 'ibk', 'config.toml');
}

/** The XDG specification: a relative path is invalid and is ignored. */
function xdgFolder(value: string | undefined): string | undefined {
  return value?.startsWith('/') ? value : undefined;
}
