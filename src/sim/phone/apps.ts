/** The apps that are installed, as installation_proxy describes them. */
import { createHash } from 'node:crypto';
import { buildBinaryPlist } from '../../plist/codec.js';
import { type PlistDict, plistDict } from '../../plist/value.js';
import { CONTENT_APPS, type SimulatedApp } from '../content/domains.js';
import { appIcon } from './icon.js';
import type { SimulatedPhone } from './phone.js';

/** User apps from the App Store, and one of the system's own. */
export function installedApps(phone: SimulatedPhone): PlistDict[] {
  const more = Array.from({ length: phone.scenarios.number('many-apps', 0) }, (_, i): SimulatedApp => {
    const number = String(i + 1).padStart(4, '0');
    return { bundleId: `com.example.app${number}`, name: `App ${number}`, version: '1.0' };
  });
  const user = [...CONTENT_APPS, ...more].map((app, i) => userApp(app, i, phone.seed));
  const system = plistDict({
    ApplicationType: 'System',
    CFBundleDisplayName: 'Settings',
    CFBundleIdentifier: 'com.apple.Preferences',
    CFBundleShortVersionString: phone.productVersion,
  });
  return [...user, system];
}

/** PNG of an installed app's icon; undefined for an app that is not there. */
export function iconOf(phone: SimulatedPhone, bundleId: string): Buffer | undefined {
  const found = installedApps(phone).some((app) => app['CFBundleIdentifier'] === bundleId);
  return found ? appIcon(bundleId) : undefined;
}

function userApp(app: SimulatedApp, index: number, seed: number): PlistDict {
  const sinf = createHash('sha512').update(`ibk-sim/sinf/${seed}/${app.bundleId}`).digest();
  return plistDict({
    ApplicationSINF: sinf,
    ApplicationType: 'User',
    CFBundleDisplayName: app.name,
    CFBundleIdentifier: app.bundleId,
    CFBundleShortVersionString: app.version,
    CFBundleVersion: app.version,
    IsDemotedApp: false,
    iTunesMetadata: buildBinaryPlist(
      plistDict({
        artistName: 'Example Makers',
        bundleShortVersionString: app.version,
        genre: 'Utilities',
        itemId: 900_000_000 + index,
        itemName: app.name,
        softwareVersionBundleId: app.bundleId,
      }),
    ),
  });
}
