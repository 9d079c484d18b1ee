/** com.apple.mobile.diagnostics_relay: MobileGestalt and Goodbye. */
import { field } from '../../plist/fields.js';
import { type PlistDict, plistDict } from '../../plist/value.js';
import type { SimulatedPhone } from '../phone/phone.js';
import { PlistStream } from '../wire/plist-stream.js';
import type { ServiceHandler } from './service.js';

export const serveDiagnosticsRelay: ServiceHandler = async (stream, phone) => {
  const plists = new PlistStream(stream);
  for (let request = await plists.read(); request !== undefined; request = await plists.read()) {
    const name = field(request, 'Request');
    if (name === 'Goodbye') {
      plists.write(plistDict({ Status: 'Success' }));
      return;
    }
    if (name !== 'MobileGestalt') {
      plists.write(plistDict({ Status: 'UnknownRequest' }));
      continue;
    }
    const diagnostics = plistDict({ MobileGestalt: gestalt(phone, field(request, 'MobileGestaltKeys')) });
    plists.write(plistDict({ Diagnostics: diagnostics, Status: 'Success' }));
  }
};

function gestalt(phone: SimulatedPhone, keys: unknown): PlistDict {
  const known = plistDict({
    PasswordConfigured: phone.passcodeSet,
    ProductType: phone.profile.productType,
    ProductVersion: phone.productVersion,
  });
  const asked = Array.isArray(keys) ? keys.map(String) : [];
  return plistDict({ ...Object.fromEntries(asked.map((key) => [key, known[key]])), Status: 'Success' });
}
