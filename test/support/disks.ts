/** Disks of every kind, made and mounted for a test: needs root, and a kernel or FUSE program that knows the file system. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasTool } from './tools.js';

export type DiskKind = 'ext4' | 'btrfs' | 'exfat' | 'fat' | 'tmpfs';

interface Kind {
  readonly make: readonly string[];
  /** The program that mounts it by FUSE; without one the kernel has to know it. */
  readonly fuse?: string;
  readonly megabytes: number;
}

/** A phone wants 128 MiB more than it sends. Image files are sparse. */
const KINDS: Readonly<Record<DiskKind, Kind>> = {
  ext4: { make: ['mkfs.ext4', '-q', '-m0'], megabytes: 256 },
  btrfs: { make: ['mkfs.btrfs', '-q'], megabytes: 300 },
  exfat: { make: ['mkfs.exfat'], fuse: 'mount.exfat-fuse', megabytes: 256 },
  fat: { make: ['mkfs.vfat'], fuse: 'fusefat', megabytes: 256 },
  tmpfs: { make: [], megabytes: 192 },
};

export const DISK_KINDS = Object.keys(KINDS) as DiskKind[];

/** Ends a loop device after so many bytes, or at the end of its image (0): LOOP_SET_STATUS64 of loop(4), with only `lo_sizelimit` changed. */
const LIMIT_LOOP = `
import fcntl, struct, sys
with open(sys.argv[1], "rb+", buffering=0) as device:
    info = bytearray(232)
    fcntl.ioctl(device, 0x4C05, info)
    struct.pack_into("Q", info, 32, int(sys.argv[2]))
    fcntl.ioctl(device, 0x4C04, bytes(info))
`;

export interface Disk extends Disposable {
  /** Where it is mounted. */
  readonly path: string;
  readonly hasModes: boolean;
  /** As it is mounted here, whoever uses this computer may read what is on it. */
  readonly isOpenToAll: boolean;
  /** What is on it survives an unmount. */
  readonly isImage: boolean;
  /** A line for the shell, for a disk of the kernel's: from then on every write and fsync fails with EIO, until it is healed and mounted anew. What it held stays. */
  readonly fail: string;
  heal(): void;
  remount(): void;
  mount(): void;
  /** Away in any case, also while files on it are open. */
  unmount(): void;
}

/** Why there can be no such disk here; undefined: there can. In CI a program that is missing is no reason. */
export function whyNoDisk(kind: DiskKind): string | undefined {
  if (process.getuid?.() !== 0) return 'only root may mount disks';
  const { make, fuse } = KINDS[kind];
  const tools = [make[0], fuse].filter((tool) => tool !== undefined);
  const missing = tools.filter((tool) => !hasTool(tool));
  if (missing.length > 0 && process.env['IBK_TEST_REQUIRE_TOOLS'] !== '1') return `${missing.join(', ')} not installed`;
  if (fuse !== undefined && !existsSync('/dev/fuse')) return 'no /dev/fuse';
  if (kind !== 'tmpfs' && !existsSync('/dev/loop-control')) return 'no loop devices';
  if (fuse === undefined && !kernelKnows(kind)) return `the kernel does not know ${kind}`;
  return mayMount() ? undefined : 'mounting is not permitted here';
}

function kernelKnows(kind: DiskKind): boolean {
  spawnSync('modprobe', ['-q', kind], { stdio: 'ignore' });
  return new RegExp(`\\b${kind}$`, 'm').test(readFileSync('/proc/filesystems', 'utf8'));
}

/** A container may be root and still not mount. */
function mayMount(): boolean {
  const at = mkdtempSync(join(tmpdir(), 'ibk-mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', at], { stdio: 'ignore' }).status === 0;
  if (mounted) run('umount', at);
  rmSync(at, { recursive: true });
  return mounted;
}

/** @param at the mount point; by default one in the temp folder */
export function mountDisk(kind: DiskKind, at?: string): Disk {
  const { make, fuse, megabytes } = KINDS[kind];
  const home = mkdtempSync(join(tmpdir(), `ibk-${kind}-`));
  const path = at ?? mkdtempSync(join(tmpdir(), 'ibk-mnt-'));
  const image = join(home, 'image');
  const [maker, ...options] = make;
  if (maker !== undefined) {
    writeFileSync(image, '');
    truncateSync(image, megabytes * 1024 * 1024);
    run(maker, ...options, image);
  }
  const isBlockDevice = kind !== 'tmpfs' && kind !== 'fat';
  const loop = isBlockDevice ? run('losetup', '--find', '--show', image) : '';
  const limit = (bytes: number) => ['python3', '-c', LIMIT_LOOP, loop, `${bytes}`] as const;
  const mount = () => {
    if (kind === 'tmpfs') run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', path);
    else if (kind === 'fat') run('fusefat', '-o', 'rw+', image, path);
    else if (fuse === undefined) run('mount', loop, path);
    else run(fuse, loop, path);
  };
  const unmount = () => void spawnSync('umount', ['-l', path], { stdio: 'ignore' });
  mount();
  return {
    path,
    hasModes: fuse === undefined,
    isOpenToAll: kind === 'exfat',
    isImage: kind !== 'tmpfs',
    fail: limit(4096)
      .map((word) => `'${word}'`)
      .join(' '),
    heal: () => void run(...limit(0)),
    mount,
    unmount,
    remount: () => {
      run('umount', path);
      mount();
    },
    [Symbol.dispose]: () => {
      unmount();
      if (isBlockDevice) spawnSync('losetup', ['--detach', loop]);
      rmSync(home, { recursive: true, force: true });
      rmSync(path, { recursive: true, force: true });
    },
  };
}

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}
