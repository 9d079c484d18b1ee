/**
 * Is the disk missing that a folder belongs on? A mount point without its disk is an ordinary empty folder of the system's own disk, and a backup of a phone
 * would fill that.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Where people mount disks and shares: an empty folder in one of these that lies on the system's own disk is a mount that is missing. */
const MOUNT_PARENT = /^(?:\/mnt|\/media(?:\/[^/]+)?|\/run\/media(?:\/[^/]+)?|\/Volumes|\/net)$/;
/** Desktops make the mount point of a disk here when it is plugged in, and remove it afterwards. */
const OF_A_DESKTOP = /^(?:\/run)?\/media\/[^/]+$/;

export interface MountTables {
  readonly fstab: string;
  readonly mountinfo: string;
}

/** Empty where the system has none. */
async function readMountTables(): Promise<MountTables> {
  const text = (path: string) => readFile(path, 'utf8').catch(() => '');
  return { fstab: await text('/etc/fstab'), mountinfo: await text('/proc/self/mountinfo') };
}

/** The mount point above `path` whose disk is not there; undefined when nothing is known to be missing. Never throws. */
export async function missingMount(path: string, tables?: MountTables): Promise<string | undefined> {
  return unmountedInTable(path, tables ?? (await readMountTables())) ?? (await emptyMountPoint(path));
}

/** In the system's table of disks, and not mounted. */
function unmountedInTable(path: string, { fstab, mountinfo }: MountTables): string | undefined {
  const mounted = new Set(mountinfo.split('\n').map((line) => unescaped(line.split(' ')[4] ?? '')));
  if (!mounted.has('/')) return undefined;
  return fstab
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .map((line) => unescaped(line.trim().split(/\s+/)[1] ?? '').replace(/(?<=.)\/+$/, ''))
    .find((point) => point.startsWith('/') && `${path}/`.startsWith(`${point}/`) && !mounted.has(point));
}

/** Blanks and the like are written as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/**
 * For somebody who says that a disk has to be there: the folder where none is. An empty folder that is no mount point, or one on the system's own disk.
 * Undefined: a disk is there, or something was kept there before. Never throws.
 */
export async function notOnMount(path: string): Promise<string | undefined> {
  let at = path;
  while ((await stat(at).catch(() => undefined)) === undefined && dirname(at) !== at) at = dirname(at);
  const [found, above, system] = await Promise.all(
    [at, dirname(at), '/'].map((each) => stat(each).catch(() => undefined)),
  );
  if (found === undefined || !found.isDirectory()) return at;
  const isMountPoint = dirname(at) !== at && found.dev !== above?.dev;
  if (isMountPoint) return undefined;
  if (found.dev === system?.dev) return at;
  return (await readdir(at).catch(() => [])).length === 0 ? at : undefined;
}

async function emptyMountPoint(path: string): Promise<string | undefined> {
  let at = path;
  let found = await stat(at).catch(() => undefined);
  let below = path;
  while (found === undefined && dirname(at) !== at) {
    below = at;
    at = dirname(at);
    found = await stat(at).catch(() => undefined);
  }
  const system = await stat('/').catch(() => undefined);
  if (found === undefined || found.dev !== system?.dev || !found.isDirectory()) return undefined;
  if (at !== path && OF_A_DESKTOP.test(at)) return below;
  if (!MOUNT_PARENT.test(at) && !MOUNT_PARENT.test(dirname(at))) return undefined;
  return (await readdir(at).catch(() => ['?'])).length === 0 ? at : undefined;
}
