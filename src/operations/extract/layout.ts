/**
 * Where a file of a backup goes, as parts below the top of the output.
 *
 * `domain`: the domain, then its path. `device`: as on the phone; the roots of the domains are those of the phone's own Domains.plist, and where a
 * container has a number of its own there (apps, groups), its identifier stands in its place. `flat`: every file in one folder.
 */
import type { FileRecord } from '../../backup/reader/types.js';

export type Layout = 'domain' | 'device' | 'flat';

export const LAYOUTS: readonly Layout[] = ['domain', 'device', 'flat'];

const MOBILE = 'var/mobile';

const ROOTS: Readonly<Record<string, string>> = {
  HomeDomain: MOBILE,
  CameraRollDomain: MOBILE,
  MediaDomain: MOBILE,
  HomeKitDomain: MOBILE,
  KeyboardDomain: MOBILE,
  TonesDomain: MOBILE,
  HealthDomain: `${MOBILE}/Library`,
  BooksDomain: `${MOBILE}/Media/Books`,
  KeychainDomain: 'var/Keychains',
  ProtectedDomain: 'var/protected',
  WirelessDomain: 'var/wireless',
  SystemPreferencesDomain: 'var/preferences',
  ManagedPreferencesDomain: 'var/Managed Preferences',
  RootDomain: 'var/root',
  DatabaseDomain: 'var/db',
  InstallDomain: 'var/installd',
  MobileDeviceDomain: 'var/MobileDevice',
  NetworkDomain: 'var/networkd',
};

/** `AppDomain-com.example.app` → the folder of its containers. */
const CONTAINERS: Readonly<Record<string, string>> = {
  AppDomain: `${MOBILE}/Containers/Data/Application`,
  AppDomainGroup: `${MOBILE}/Containers/Shared/AppGroup`,
  AppDomainPlugin: `${MOBILE}/Containers/Data/PluginKitPlugin`,
  SysContainerDomain: 'var/containers/Data/System',
  SysSharedContainerDomain: 'var/containers/Shared/SystemGroup',
};

export interface LayoutOptions {
  readonly layout: Layout;
  /** Only files of one domain are wanted: its folder is left out (`domain` only). */
  readonly withoutDomain: boolean;
}

/** Why a record goes nowhere. */
export type Misplaced = 'outside' | 'name';

export type Parts = readonly string[];

/** The parts of a path within its domain. */
export function pathParts(relativePath: string): Parts | Misplaced {
  if (relativePath === '') return [];
  const parts = relativePath.split('/');
  if (parts[0] === '' || parts.includes('..')) return 'outside';
  return parts.some((part) => part === '' || part === '.' || part.includes('\0')) ? 'name' : parts;
}

/** Undefined: the domain's own root, or a folder or link where there are none (`flat`). */
export function placeOf(record: FileRecord, { layout, withoutDomain }: LayoutOptions): Parts | Misplaced | undefined {
  const { domain, kind } = record;
  const parts = pathParts(record.relativePath);
  if (typeof parts === 'string') return parts;
  if (domain === '..' || domain.includes('/')) return 'outside';
  if (domain === '' || domain === '.' || domain.includes('\0')) return 'name';
  if (kind !== 'directory' && parts.length === 0) return 'name';
  if (layout === 'flat') return kind === 'file' ? parts.slice(-1) : undefined;
  if (layout === 'device') return [...deviceRoot(domain), ...parts];
  return withoutDomain ? parts : [domain, ...parts];
}

/** A domain that nobody knows keeps its name. */
export function deviceRoot(domain: string): Parts {
  const root = Object.hasOwn(ROOTS, domain) ? ROOTS[domain] : undefined;
  if (root !== undefined) return root.split('/');
  const dash = domain.indexOf('-');
  const kind = domain.slice(0, Math.max(dash, 0));
  const container = Object.hasOwn(CONTAINERS, kind) ? CONTAINERS[kind] : undefined;
  return container === undefined ? [domain] : [...container.split('/'), domain.slice(dash + 1)];
}

/**
 * Where a link of the phone points to, below the top of the output; undefined: nowhere that was, or could have been, extracted.
 * @param target as on the phone: absolute (`/private/var` is `/var`), or relative to the link
 */
export function linkPlace({ domain }: FileRecord, target: string, options: LayoutOptions): Parts | undefined {
  if (!target.startsWith('/') || options.layout === 'flat') return undefined;
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  if (parts[0] === 'private') parts.shift();
  if (parts.includes('..') || target.includes('\0')) return undefined;
  if (options.layout === 'device') return parts;
  // Only what may be in the same domain: its root is a known folder, and the containers of apps are other domains.
  const root = Object.hasOwn(ROOTS, domain) ? deviceRoot(domain) : undefined;
  if (root === undefined || root.some((part, index) => parts[index] !== part)) return undefined;
  const inside = parts.slice(root.length);
  if (inside[0] === 'Containers') return undefined;
  return options.withoutDomain ? inside : [domain, ...inside];
}
