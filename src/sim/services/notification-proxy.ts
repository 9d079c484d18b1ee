/** com.apple.mobile.notification_proxy: observe, post, relay. Nothing but Shutdown is answered. */
import { field } from '../../plist/fields.js';
import { plistDict } from '../../plist/value.js';
import { PlistStream } from '../wire/plist-stream.js';
import type { ServiceHandler } from './service.js';

export const serveNotificationProxy: ServiceHandler = async (stream, phone) => {
  const plists = new PlistStream(stream);
  const relay = (name: string) => plists.write(plistDict({ Command: 'RelayNotification', Name: name }));
  try {
    for (let request = await plists.read(); request !== undefined; request = await plists.read()) {
      const command = field(request, 'Command');
      const name = field(request, 'Name');
      if (command === 'Shutdown') {
        // idevicebackup2 waits up to 30 s for this answer after each notification that it posts.
        if (!phone.scenarios.has('no-proxy-death')) plists.write(plistDict({ Command: 'ProxyDeath' }));
        return;
      }
      if (typeof name !== 'string' || name === '') {
        phone.violation(`notification_proxy: ${String(command)} without a Name`);
        return;
      }
      if (command === 'ObserveNotification') phone.notifications.observe(relay, name);
      else if (command === 'PostNotification') phone.notifications.post(name);
      else phone.violation(`notification_proxy: unknown Command ${String(command)}`);
    }
  } finally {
    phone.notifications.forget(relay);
  }
};
