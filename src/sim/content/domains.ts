/** Domains of the simulated iPhone: the apps it has, and where each domain lies in the phone's own file system. */
import { seededUuid } from './random.js';

export interface SimulatedApp {
  readonly bundleId: string;
  readonly name: string;
  readonly version: string;
}

/** Apps that own a domain in the content made from a seed. Made-up makers. */
export const CONTENT_APPS: readonly SimulatedApp[] = [
  { bundleId: 'com.example.notes', name: 'Notes of Example', version: '4.2' },
  { bundleId: 'com.example.chat', name: 'Chatter', version: '23.1.0' },
  { bundleId: 'com.example.maps', name: 'Wanderer', version: '7.0.3' },
  { bundleId: 'org.example.reader', name: 'Reader', version: '1.19' },
  { bundleId: 'de.example.bahn', name: 'Abfahrt', version: '11.4' },
];

export const CONTENT_GROUPS: readonly string[] = ['group.com.example.chat', 'group.com.apple.notes'];
export const CONTENT_PLUGINS: readonly string[] = ['com.example.chat.share', 'com.example.maps.widget'];

const FIXED_ROOTS: Readonly<Record<string, string>> = {
  HomeDomain: '/mobile',
  CameraRollDomain: '/mobile',
  MediaDomain: '/mobile',
  HomeKitDomain: '/mobile',
  KeyboardDomain: '/mobile',
  TonesDomain: '/mobile',
  HealthDomain: '/mobile/Library',
  KeychainDomain: '/Keychains',
  ProtectedDomain: '/protected',
  WirelessDomain: '/wireless',
  SystemPreferencesDomain: '/preferences',
  ManagedPreferencesDomain: '/Managed Preferences',
  RootDomain: '/root',
  DatabaseDomain: '/db',
  InstallDomain: '/installd',
  NetworkDomain: '/networkd',
};

const CONTAINER_ROOTS: readonly (readonly [prefix: string, root: string])[] = [
  ['AppDomainGroup-', '/mobile/Containers/Shared/AppGroup'],
  ['AppDomainPlugin-', '/mobile/Containers/Data/PluginKitPlugin'],
  ['AppDomain-', '/mobile/Containers/Data/Application'],
  ['SysContainerDomain-', '/containers/Data/System'],
  ['SysSharedContainerDomain-', '/containers/Shared/SystemGroup'],
];

/** Root of a domain below /var, which iOS 11 and later read through the file-system snapshot at /.ba (seen in device logs). */
export function domainRoot(domain: string): string {
  const fixed = FIXED_ROOTS[domain];
  if (fixed !== undefined) return fixed;
  const container = CONTAINER_ROOTS.find(([prefix]) => domain.startsWith(prefix));
  return container === undefined ? '/mobile' : `${container[1]}/${seededUuid(domain)}`;
}

/** Domains whose files carry a Digest in the manifest: system domains, but not apps, containers, photos, media and tones. */
export function isDigestingDomain(domain: string): boolean {
  if (/^(App|Sys|SysShared)(Domain|ContainerDomain)/.test(domain)) return false;
  return !['CameraRollDomain', 'MediaDomain', 'TonesDomain'].includes(domain);
}

/** `ContainerContentClass` of a container domain and the identifier behind the dash; undefined for fixed domains. */
export function containerOf(domain: string): { readonly id: string; readonly contentClass: string } | undefined {
  const container = CONTAINER_ROOTS.find(([prefix]) => domain.startsWith(prefix));
  if (container === undefined || domain.startsWith('Sys')) return undefined;
  const root = container[1].split('/').slice(3).join('/');
  return { id: domain.slice(container[0].length), contentClass: root };
}
