/** com.apple.springboardservices: icons. Its keys begin in lower case. */
import { optionalString } from '../../plist/fields.js';
import { plistDict } from '../../plist/value.js';
import { iconOf } from '../phone/apps.js';
import { PlistStream } from '../wire/plist-stream.js';
import type { ServiceHandler } from './service.js';

export const serveSpringboard: ServiceHandler = async (stream, phone) => {
  const plists = new PlistStream(stream);
  for (let request = await plists.read(); request !== undefined; request = await plists.read()) {
    const command = optionalString(request, 'command');
    const bundleId = optionalString(request, 'bundleId');
    if (command !== 'getIconPNGData' || bundleId === undefined) {
      plists.write(plistDict({ Error: `Unsupported command ${String(command)}` }));
      continue;
    }
    const png = iconOf(phone, bundleId);
    plists.write(png === undefined ? plistDict({ Error: 'NoSuchApplication' }) : plistDict({ pngData: png }));
  }
};
