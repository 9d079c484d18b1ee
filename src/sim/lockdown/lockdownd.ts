/** lockdownd, port 62078: one connection, from QueryType to the end of its session. */
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Link } from '../../events.js';
import { field, optionalString } from '../../plist/fields.js';
import type { PlistDict } from '../../plist/value.js';
import type { Pairing } from '../phone/pairing.js';
import { count, type SimulatedPhone } from '../phone/phone.js';
import { PlistStream } from '../wire/plist-stream.js';
import { failure, LockdownRefusal, success } from './answers.js';
import { majorVersion, pair, unpair, validatePair } from './pair-requests.js';
import { startService } from './service-requests.js';
import { getValue, removeValue, setValue } from './value-requests.js';

export const LOCKDOWN_PORT = 62_078;

/** Values that a replayed phone answers by itself: a trace holds no keys, and hashed names fit nothing else. */
const OWN_KEYS: ReadonlySet<string> = new Set(['DevicePublicKey', 'UniqueDeviceID', 'WiFiAddress', 'DeviceName']);

export async function serveLockdown(stream: Duplex, phone: SimulatedPhone, link: Link): Promise<void> {
  await new LockdownConnection(stream, phone, link).run();
}

class LockdownConnection {
  #plists: PlistStream;
  #session: { readonly id: string; readonly pairing: Pairing } | undefined;
  /** Before iOS 7: the computer that ValidatePair has named. */
  #validated: string | undefined;

  constructor(
    private readonly stream: Duplex,
    private readonly phone: SimulatedPhone,
    private readonly link: Link,
  ) {
    this.#plists = this.#open(stream);
  }

  async run(): Promise<void> {
    for (let request = await this.#next(); request !== undefined; request = await this.#next()) {
      const name = optionalString(request, 'Request');
      if (name === undefined) {
        this.phone.violation('lockdown: a request without Request');
        return;
      }
      count(this.phone.stats.lockdown, name);
      const before = this.#session;
      this.#plists.write(await this.#answer(name, request));
      if (name === 'Goodbye') return;
      if (this.#session !== undefined && this.#session !== before && !(await this.#startTls(this.#session.pairing)))
        return;
    }
  }

  /** The next request; the scenario `idle-drop` ends the connection when none comes for so long. */
  async #next(): Promise<PlistDict | undefined> {
    if (!this.phone.scenarios.has('idle-drop')) return this.#plists.read();
    const heard = new AbortController();
    const idleMs = this.phone.scenarios.number('idle-drop', 10) * 1000;
    const drop = this.phone.clock.sleep(idleMs, heard.signal).then(
      () => void this.stream.destroy(),
      () => {},
    );
    try {
      return await Promise.race([this.#plists.read(), drop.then(() => undefined)]);
    } finally {
      heard.abort();
    }
  }

  async #answer(name: string, request: PlistDict): Promise<PlistDict> {
    try {
      const replayed = this.phone.replay?.lockdown(name, request);
      const error = replayed === undefined ? undefined : optionalString(replayed, 'Error');
      if (error !== undefined) throw new LockdownRefusal(error);
      return await this.#handle(name, request, replayed);
    } catch (error) {
      if (error instanceof LockdownRefusal) return failure(name, error);
      throw error;
    }
  }

  /** @param replayed what a trace has as the answer: where it does not matter who the phone is, it is given again */
  async #handle(name: string, request: PlistDict, replayed: PlistDict | undefined): Promise<PlistDict> {
    switch (name) {
      case 'QueryType':
        return success(name, { Type: 'com.apple.mobile.lockdown' });
      case 'GetValue':
        if (replayed !== undefined && field(request, 'Key') !== undefined && !OWN_KEYS.has(String(request.Key))) {
          return replayed;
        }
        return getValue(request, this.phone, this.#session !== undefined);
      case 'SetValue':
        this.#requireSession();
        return setValue(request, this.phone);
      case 'RemoveValue':
        this.#requireSession();
        return removeValue(request, this.phone);
      case 'Pair':
        return pair(request, this.phone, this.link);
      case 'ValidatePair': {
        const { answer, hostId } = validatePair(request, this.phone);
        this.#validated = hostId;
        return answer;
      }
      case 'Unpair':
        return unpair(request, this.phone);
      case 'StartSession':
        return this.#startSession(request);
      case 'StopSession':
        return this.#stopSession(request);
      case 'StartService':
        return startService(request, this.phone, this.#requireSession().pairing, replayed);
      case 'Goodbye':
        return success(name);
      default:
        this.phone.violation(`lockdown: unknown Request ${JSON.stringify(name)}`);
        throw new LockdownRefusal('InvalidRequest');
    }
  }

  #requireSession(): { readonly pairing: Pairing } {
    if (this.#session === undefined) throw new LockdownRefusal('SessionInactive');
    return this.#session;
  }

  #startSession(request: PlistDict): PlistDict {
    if (this.phone.detachAt('session')) throw new LockdownRefusal('InvalidConnection');
    const forced = this.phone.scenarios.value('session-error');
    if (forced !== undefined) throw new LockdownRefusal(forced);
    if (this.#session !== undefined) throw new LockdownRefusal('SessionActive');
    const hostId = optionalString(request, 'HostID');
    if (hostId === undefined) throw new LockdownRefusal('MissingHostID');
    const pairing = this.phone.findPairing(hostId);
    if (pairing === undefined) throw new LockdownRefusal('InvalidHostID');
    if (optionalString(request, 'SystemBUID') !== pairing.systemBuid) {
      this.phone.violation('lockdown: StartSession with a SystemBUID that is not the one of this pairing');
      throw new LockdownRefusal('InvalidHostID');
    }
    const mustValidate = majorVersion(this.phone.productVersion) < 7;
    if (mustValidate && this.#validated !== hostId) throw new LockdownRefusal('InvalidHostID');
    this.#session = { id: randomUUID().toUpperCase(), pairing };
    return success('StartSession', { EnableSessionSSL: true, SessionID: this.#session.id });
  }

  /** The session's TLS stays until the client closes; what comes after is answered with SessionInactive. */
  #stopSession(request: PlistDict): PlistDict {
    const id = optionalString(request, 'SessionID');
    if (id === undefined) throw new LockdownRefusal('MissingSessionID');
    if (this.#session === undefined) throw new LockdownRefusal('SessionInactive');
    if (id !== this.#session.id) throw new LockdownRefusal('InvalidSessionID');
    this.#session = undefined;
    return success('StopSession');
  }

  async #startTls(pairing: Pairing): Promise<boolean> {
    this.#plists.release();
    const tls = await this.phone.acceptTls(this.stream, pairing);
    if (tls === undefined) return false;
    this.#plists = this.#open(tls);
    return true;
  }

  #open(stream: Duplex): PlistStream {
    return new PlistStream(stream, this.phone.scenarios.has('control-characters') ? addControlCharacters : undefined);
  }
}

/** Puts characters that XML forbids into the first text of an answer, as phones with odd names have done. */
function addControlCharacters(xml: Buffer): Buffer {
  const text = xml.toString('latin1').replace(/(<key>DeviceName<\/key>\s*<string>)/, '$1\x01\x0b');
  return Buffer.from(text, 'latin1');
}
