/** com.apple.mobile.installation_proxy: Browse, in several answers as a phone with many apps gives them. */
import { field, optionalDict, optionalString } from '../../plist/fields.js';
import { plistDict } from '../../plist/value.js';
import { installedApps } from '../phone/apps.js';
import { PlistStream } from '../wire/plist-stream.js';
import type { ServiceHandler } from './service.js';

const APPS_PER_ANSWER = 20;

export const serveInstallationProxy: ServiceHandler = async (stream, phone) => {
  const plists = new PlistStream(stream);
  for (let request = await plists.read(); request !== undefined; request = await plists.read()) {
    const command = field(request, 'Command');
    if (command !== 'Browse') {
      plists.write(
        plistDict({ Error: 'APIInternalError', ErrorDescription: `Unsupported command ${String(command)}` }),
      );
      continue;
    }
    const options = optionalDict(request, 'ClientOptions') ?? plistDict();
    const wanted = field(options, 'ReturnAttributes');
    const type = optionalString(options, 'ApplicationType') ?? 'Any';
    const apps = installedApps(phone).filter((app) => type === 'Any' || app['ApplicationType'] === type);
    const shown = apps.map((app) =>
      Array.isArray(wanted) ? plistDict(Object.fromEntries(wanted.map((key) => [String(key), app[String(key)]]))) : app,
    );
    for (let at = 0; at < shown.length; at += APPS_PER_ANSWER) {
      const list = shown.slice(at, at + APPS_PER_ANSWER);
      plists.write(
        plistDict({
          CurrentAmount: list.length,
          CurrentIndex: at,
          CurrentList: list,
          Status: 'BrowsingApplications',
          Total: shown.length,
        }),
      );
    }
    plists.write(plistDict({ Status: 'Complete' }));
  }
};
