/** Which services the phone offers, and the ports on which those that were started wait for their one connection. */
import type { SimulatedPhone } from '../phone/phone.js';
import type { Pairing } from '../phone/pairing.js';
import { serveAfc } from './afc.js';
import { serveDiagnosticsRelay } from './diagnostics-relay.js';
import { serveInstallationProxy } from './installation-proxy.js';
import { serveBackup } from './mobilebackup2.js';
import { serveNotificationProxy } from './notification-proxy.js';
import { serveExchanges } from '../replay/serve-exchanges.js';
import type { ServiceHandler } from './service.js';
import { serveSpringboard } from './springboard.js';

export const BACKUP_SERVICE = 'com.apple.mobilebackup2';

export const SERVICES: ReadonlyMap<string, ServiceHandler> = new Map([
  ['com.apple.afc', serveAfc],
  ['com.apple.mobile.diagnostics_relay', serveDiagnosticsRelay],
  ['com.apple.mobile.installation_proxy', serveInstallationProxy],
  ['com.apple.mobile.notification_proxy', serveNotificationProxy],
  ['com.apple.springboardservices', serveSpringboard],
  [BACKUP_SERVICE, serveBackup],
]);

/** In a replay the helper services give the answers of the trace. */
const REPLAYED_LAYERS: Readonly<Record<string, string>> = {
  'com.apple.mobile.diagnostics_relay': 'diagnostics',
  'com.apple.mobile.installation_proxy': 'installation_proxy',
  'com.apple.springboardservices': 'springboard',
};

export function serviceHandler(phone: SimulatedPhone, name: string): ServiceHandler | undefined {
  const layer = REPLAYED_LAYERS[name];
  const exchanges = layer === undefined ? undefined : phone.replay?.service(layer);
  if (layer === undefined || exchanges === undefined || phone.replay === undefined) return SERVICES.get(name);
  return serveExchanges(layer, exchanges, phone.replay);
}

/** `com.apple.afc` for `afc` and the like, so that scenarios can be short. */
export function fullServiceName(name: string): string {
  const short = name.toLowerCase();
  return [...SERVICES.keys()].find((service) => service === name || service.split('.').at(-1) === short) ?? name;
}

export interface StartedService {
  readonly name: string;
  readonly handler: ServiceHandler;
  readonly ssl: boolean;
  readonly pairing: Pairing;
}

const FIRST_PORT = 49_152;
const LAST_PORT = 62_000;
/** A client that starts services without end gets ServiceLimit. */
const MAX_WAITING = 64;

/** Ports of one phone. */
export class ServicePorts {
  readonly #waiting = new Map<number, StartedService>();
  #next = FIRST_PORT;

  constructor(private readonly phone: SimulatedPhone) {}

  /**
   * @param wanted a port that a trace has for it
   * @returns the port, or undefined when too many services wait already
   */
  start(service: StartedService, wanted?: unknown): number | undefined {
    if (this.#waiting.size >= MAX_WAITING) return undefined;
    if (typeof wanted === 'number' && wanted > 0 && wanted < 0x10000 && !this.#waiting.has(wanted)) {
      this.#waiting.set(wanted, service);
      return wanted;
    }
    const port = this.#next;
    this.#next = port >= LAST_PORT ? FIRST_PORT : port + 1;
    this.#waiting.set(port, service);
    return port;
  }

  /** The service that waits there, which then waits no longer; undefined: connection refused. */
  take(port: number): StartedService | undefined {
    const service = this.#waiting.get(port);
    this.#waiting.delete(port);
    const refused = this.phone.scenarios.values('service-refused').map(fullServiceName);
    return service !== undefined && refused.includes(service.name) ? undefined : service;
  }
}
