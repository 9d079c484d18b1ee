/** What a restore brings back, what it cannot, and what it erases: slugs for JSON, words for people. */
import { countOf, formatBytes } from '../figures.js';
import type { RestorePart } from '../operations/restore/part.js';
import type { RestorePlan } from '../operations/restore/results.js';
import { printable } from './text.js';

interface Named {
  readonly slug: string;
  readonly words: string;
}

export function comesBack({ source, settings, part }: RestorePlan): Named[] {
  if (part !== null) return partWords(part, source);
  const photos = source.photoBytes === null ? '' : ` ${formatBytes(source.photoBytes)}`;
  const apps = source.apps === null ? 'data of apps' : `data of ${source.apps} apps`;
  const always: Named[] = [
    { slug: 'photos', words: `photos and videos${photos}` },
    { slug: 'app_data', words: apps },
    { slug: 'messages', words: 'messages' },
    { slug: 'calls', words: 'calls' },
    { slug: 'contacts', words: 'contacts' },
    { slug: 'notes', words: 'notes' },
  ];
  const encrypted: Named[] = [
    { slug: 'health', words: 'Health' },
    { slug: 'passwords', words: 'passwords' },
    { slug: 'wifi_networks', words: 'Wi-Fi networks' },
  ];
  return [
    ...always,
    ...(source.encrypted ? encrypted : []),
    ...(settings.keepSettings ? [] : [{ slug: 'settings', words: 'settings' }]),
  ];
}

function partWords({ only, skip }: RestorePart, { files, bytes }: RestorePlan['source']): Named[] {
  const what = only.length === 0 ? 'everything' : only.map(printable).join(', ');
  const without = skip.length === 0 ? '' : ` without ${skip.map(printable).join(', ')}`;
  return [{ slug: 'part', words: `${what}${without}: ${countOf(files, 'file')}, ${formatBytes(bytes)}` }];
}

export function leftOut({ source, udid, part }: RestorePlan): Named[] {
  if (part !== null) return [{ slug: 'rest', words: 'the rest of the backup' }];
  const always: Named[] = [
    { slug: 'app_binaries', words: 'apps themselves (the App Store sends them again)' },
    { slug: 'apple_pay_cards', words: 'Apple Pay cards' },
    { slug: 'face_id', words: 'Face ID' },
    { slug: 'mail_on_servers', words: 'mail kept on servers' },
    { slug: 'icloud_photos', words: 'photos only in iCloud' },
  ];
  if (source.encrypted) return always;
  const plain: Named[] = [
    { slug: 'health', words: 'Health' },
    { slug: 'wifi_networks', words: 'Wi-Fi networks' },
    ...(source.udid === udid
      ? []
      : [{ slug: 'passwords', words: 'passwords (an unencrypted backup of another device)' }]),
  ];
  return [...always, ...plain];
}

export function erased({ settings, part }: RestorePlan): string[] {
  if (part !== null) return ['newer_changes_of_part'];
  return settings.remove ? ['newer_changes', 'other_files'] : ['newer_changes'];
}
