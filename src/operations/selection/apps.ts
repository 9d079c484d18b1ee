/** The apps of a backup, and which domains are theirs: `AppDomain-<id>`, the groups they share, their plug-ins. */
import { parsePlist } from '../../plist/codec.js';
import { field, optionalDict, optionalString } from '../../plist/fields.js';
import { isPlistDict, type PlistDict, type PlistValue } from '../../plist/value.js';

export interface BackupApp {
  readonly bundleId: string;
  /** As the App Store writes it; null: the backup does not say. */
  readonly name: string | null;
}

export class AppIndex {
  readonly #apps = new Map<string, string | null>();
  /** Group -> the apps whose entry in Manifest.plist names it. */
  readonly #groups = new Map<string, Set<string>>();

  /** Entries of the wrong type tell nothing. */
  constructor(info: PlistDict | undefined, manifestApps: PlistDict | undefined) {
    const installed = info && field(info, 'Installed Applications');
    for (const id of strings(installed)) this.add(id);
    const described = (info && optionalDict(info, 'Applications')) ?? {};
    for (const id of Object.keys(described)) {
      const entry = field(described, id);
      this.add(id, isPlistDict(entry) ? nameOf(field(entry, 'iTunesMetadata')) : null);
    }
    for (const id of Object.keys(manifestApps ?? {})) {
      const entry = manifestApps && field(manifestApps, id);
      if (!isPlistDict(entry)) continue;
      const kind = optionalString(entry, 'ContainerContentClass') ?? 'Data/Application';
      if (kind !== 'Data/Application') continue;
      this.add(id);
      for (const group of groupsOf(entry)) this.#groups.set(group, (this.#groups.get(group) ?? new Set()).add(id));
    }
  }

  add(bundleId: string, name: string | null = null): void {
    this.#apps.set(bundleId, name ?? this.#apps.get(bundleId) ?? null);
  }

  all(): readonly BackupApp[] {
    return [...this.#apps].map(([bundleId, name]) => ({ bundleId, name }));
  }

  nameOf(bundleId: string): string | null {
    return this.#apps.get(bundleId) ?? null;
  }

  /** The bundle ids that are meant: the id, in whatever case, or the app's name. A word that is neither stands for itself. */
  named(word: string): readonly string[] {
    if (this.#apps.has(word)) return [word];
    const wanted = word.toLowerCase();
    const near = this.all().filter((app) => app.bundleId.toLowerCase() === wanted);
    if (near.length > 0) return near.map(({ bundleId }) => bundleId);
    const named = this.all().filter(({ name }) => name?.toLowerCase() === wanted);
    return named.length === 0 ? [word] : named.map(({ bundleId }) => bundleId);
  }

  /** Whose domain it is; several where apps share a group, none for a domain of the system. */
  ownersOf(domain: string): readonly string[] {
    const cut = domain.indexOf('-');
    const id = domain.slice(cut + 1);
    switch (domain.slice(0, cut)) {
      case 'AppDomain':
      case 'AppDomainPlaceholder':
        return [this.#apps.has(id) ? id : (this.#known(withoutTeam(id)) ?? id)];
      case 'AppDomainGroup': {
        const listed = this.#groups.get(id);
        if (listed !== undefined) return [...listed];
        // Inferred: a group is named after the app that it was made for.
        const owner = this.#longestPrefix(withoutTeam(id).replace(/^group\./, ''));
        return owner === undefined ? [] : [owner];
      }
      case 'AppDomainPlugin': {
        const owner = this.#longestPrefix(withoutTeam(id));
        return owner === undefined ? [] : [owner];
      }
      default:
        return [];
    }
  }

  #known(id: string): string | undefined {
    return this.#apps.has(id) ? id : undefined;
  }

  #longestPrefix(id: string): string | undefined {
    for (let end = id.length; end > 0; end = id.lastIndexOf('.', end - 1)) {
      const part = id.slice(0, end);
      if (this.#apps.has(part)) return part;
    }
    return undefined;
  }
}

/** A bundle id may be written behind its maker's team, ten letters and digits. */
const withoutTeam = (id: string): string => id.replace(/^[A-Z0-9]{10}\./, '');

/** Inferred: later systems name the groups of an app here, in one of these ways. */
function groupsOf(entry: PlistDict): readonly string[] {
  const entitlements = optionalDict(entry, 'Entitlements') ?? {};
  const containers = field(entry, 'GroupContainers');
  return [
    ...strings(field(entitlements, 'com.apple.security.application-groups')),
    ...strings(isPlistDict(containers) ? Object.keys(containers) : containers),
  ];
}

const strings = (value: PlistValue | undefined): string[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];

const METADATA_LIMIT = 1024 * 1024;

/** `iTunesMetadata` is a property list inside the property list. */
function nameOf(metadata: PlistValue | undefined): string | null {
  if (!Buffer.isBuffer(metadata)) return null;
  try {
    const dict = parsePlist(metadata, 'iTunesMetadata', { maxBytes: METADATA_LIMIT, maxValues: 10_000 });
    if (!isPlistDict(dict)) return null;
    return optionalString(dict, 'bundleDisplayName') ?? optionalString(dict, 'itemName') ?? null;
  } catch {
    return null;
  }
}
