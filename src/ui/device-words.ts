/** How we speak of devices: "the iPhone" or "the iPad", their links and states, and the option that picks one. */
import type { Link } from '../events.js';
import type { DeviceState } from '../operations/results.js';
import { shellWord } from './paths.js';

/** `iPhone`, `iPad` or `iPod`, from a product type (`iPad14,1`) or a model's name. */
export function deviceNoun(productTypeOrModel: string | null | undefined): 'iPhone' | 'iPad' | 'iPod' {
  if (productTypeOrModel?.startsWith('iPad')) return 'iPad';
  if (productTypeOrModel?.startsWith('iPod')) return 'iPod';
  return 'iPhone';
}

/** `USB`, `network`; `USB, network` joined by the caller's word. */
export function linkWords(links: readonly Link[], joint = ', '): string {
  return links.map((link) => (link === 'usb' ? 'USB' : 'network')).join(joint);
}

export const STATE_WORDS: Record<DeviceState, string> = {
  unreachable: 'no answer',
  not_trusted: 'not trusted',
  locked: 'locked',
  setup_not_finished: 'set-up not finished',
  ready: 'ready',
};

/** ` -u "Anna's iPhone"`, or nothing where there is no choice to make. */
export function choosing(name: string, among: number): string {
  return among > 1 ? ` -u ${shellWord(name)}` : '';
}

const DOMAIN_WORDS: Readonly<Record<string, string>> = {
  CameraRollDomain: 'photos and videos',
  MediaDomain: 'media',
  HomeDomain: 'settings and messages',
  HealthDomain: 'Health',
  KeychainDomain: 'passwords',
  BooksDomain: 'books',
};

/** A domain in everyday words where there are some; else its own name, an app by its identifier. */
export function domainWords(domain: string): string {
  return DOMAIN_WORDS[domain] ?? domain.replace(/^AppDomain(Group|Plugin)?-/, '');
}
