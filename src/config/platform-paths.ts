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

export interface BackupPlace {
  /** As JSON names it. */
  readonly place: 'finder' | 'itunes' | 'apple_devices';
  /** Whose backups lie there. */
  readonly words: string;
  readonly path: string;
}

/** Where Apple's own programs keep backups on this computer. That the Apple Devices app shares the folder of the Store's iTunes is inferred. */
export function applePlaces({ platform, env, home }: PlatformFacts): readonly BackupPlace[] {
  if (platform === 'darwin') {
    const path = posix.join(home, 'Library', 'Application Support', 'MobileSync', 'Backup');
    return [{ place: 'finder', words: 'Finder and iTunes', path }];
  }
  if (platform !== 'win32') return [];
  const roaming = env.APPDATA || win32.join(home, 'AppData', 'Roaming');
  const profile = env.USERPROFILE || home;
  return [
    { place: 'itunes', words: 'iTunes', path: win32.join(roaming, 'Apple Computer', 'MobileSync', 'Backup') },
    {
      place: 'apple_devices',
      words: 'Apple Devices and iTunes of the Microsoft Store',
      path: win32.join(profile, 'Apple', 'MobileSync', 'Backup'),
    },
  ];
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
