/** The mobilebackup2 service of the simulated iPhone: version exchange, Hello, then one operation after the other until the computer leaves. */
import type { Duplex } from 'node:stream';
import { IbkError } from '../../errors.js';
import { isPlistDict, type PlistDict, PlistReal, plistDict } from '../../plist/value.js';
import { type HostMessage, PhoneDeviceLink } from './device-link.js';
import { ConnectionOver, FinalAnswer, ProtocolViolation } from './endings.js';
import { BackupFaults } from './faults.js';
import { HostDisk } from './host-disk.js';
import { type OperationOutcome, runOperation } from './operations.js';
import type { BackupPhone } from './phone.js';
import { BackupSession } from './session.js';

const PROTOCOL_VERSION = 2.1;
/** The computer may take its time between Hello and its first request: it asks for the sync lock and writes Info.plist first. */
const REQUEST_TIMEOUT_MS = 60 * 60_000;
/** How long a phone that is about to restart waits for the computer to close (inferred). */
const GOODBYE_BEFORE_RESTART_MS = 2_000;

/**
 * Serves one connection to its end and closes the stream. Never rejects: what the computer did wrong goes to `phone.violation`, how it
 * ended to `phone.stats.endings`.
 */
export async function serveMobileBackup2(stream: Duplex, phone: BackupPhone): Promise<void> {
  stream.on('error', ignoreError);
  const over = new AbortController();
  const stop = () => over.abort(phone.signal.reason);
  phone.signal.addEventListener('abort', stop, { once: true });
  if (phone.signal.aborted) stop();
  let ending: string;
  let violated = false;
  try {
    ending = await serve(stream, phone, over.signal);
  } catch (error) {
    violated = error instanceof ProtocolViolation;
    ending = describe(error, phone);
    if (violated) phone.violation(error instanceof Error ? error.message : String(error));
  } finally {
    phone.signal.removeEventListener('abort', stop);
  }
  phone.stats.endings.push(ending);
  if (violated || ending === 'cable pulled' || phone.signal.aborted) stream.destroy();
  else await closeGently(stream);
}

function ignoreError(): void {
  // The reader and the writer see it as the end of the link.
}

function describe(error: unknown, phone: BackupPhone): string {
  if (error instanceof ProtocolViolation) return `violation: ${error.message}`;
  if (error instanceof ConnectionOver) return error.ending;
  if (phone.signal.aborted) return 'switched off';
  if (error instanceof IbkError)
    return error.code === 'connection_lost' ? 'link lost' : `${error.code}: ${error.message}`;
  phone.violation(`the simulator failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return 'simulator failed';
}

async function serve(stream: Duplex, phone: BackupPhone, signal: AbortSignal): Promise<string> {
  const faults = new BackupFaults(phone.scenarios);
  const chunkBytes = faults.count('chunk');
  const link = new PhoneDeviceLink(stream, {
    signal,
    clock: phone.clock,
    faults: { chunkBytes },
    onSent: (name) => count(phone.stats.sent, name),
  });
  const cutAfter = faults.count('cut-after-bytes');
  if (cutAfter !== undefined) link.output.cutAfter(cutAfter, () => phone.unplug());
  const disk = new HostDisk(link, {
    profile: phone.profile,
    progress: (percent) => faults.progress(percent),
    frameBytes: faults.count('data-frame'),
  });
  const session = new BackupSession(phone, link, disk, faults);
  try {
    return await converse(session);
  } catch (error) {
    const lost = error instanceof IbkError && error.code === 'connection_lost';
    if (lost && (await link.saidGoodbye())) return 'host disconnected';
    throw error;
  }
}

async function converse(session: BackupSession): Promise<string> {
  const { link } = session;
  await session.enter('connect');
  await exchangeVersions(session);
  await hello(session);
  for (let answered = false; ; answered = true) {
    const message = await nextRequest(link, answered);
    if (message === undefined || message.name === 'DLMessageDisconnect')
      return answered ? 'response' : 'host disconnected';
    const [, body] = message.elements;
    if (message.name !== 'DLMessageProcessMessage' || message.elements.length !== 2 || !isPlistDict(body)) {
      throw new ProtocolViolation(`${message.name} where a request was expected`);
    }
    const ending = await operate(session, body);
    if (ending !== undefined) return ending;
  }
}

/** @returns undefined when the computer closes after an answer without a word, which is no fault */
async function nextRequest(link: PhoneDeviceLink, answered: boolean): Promise<HostMessage | undefined> {
  try {
    return await link.receive(REQUEST_TIMEOUT_MS);
  } catch (error) {
    if (answered && error instanceof IbkError && error.code === 'connection_lost') return undefined;
    throw error;
  }
}

async function exchangeVersions({ link, phone, faults }: BackupSession): Promise<void> {
  const major = faults.count('devicelink-version') ?? phone.profile.deviceLinkVersion;
  await link.send(['DLMessageVersionExchange', major, 0]);
  const { name, elements } = await link.receive();
  const [, word, version] = elements;
  const known = typeof version === 'number' && [major, 300, 400].includes(version);
  if (name !== 'DLMessageVersionExchange' || word !== 'DLVersionsOk' || elements.length !== 3 || !known) {
    throw new ProtocolViolation('the version exchange was not answered with DLVersionsOk and a version');
  }
  await link.send(['DLMessageDeviceReady']);
}

async function hello({ link }: BackupSession): Promise<void> {
  const { name, elements } = await link.receive();
  const [, body] = elements;
  const versions = isPlistDict(body) && body.MessageName === 'Hello' ? body.SupportedProtocolVersions : undefined;
  if (name !== 'DLMessageProcessMessage' || !Array.isArray(versions)) {
    throw new ProtocolViolation('the first message is no Hello with SupportedProtocolVersions');
  }
  if (!versions.every((version) => version instanceof PlistReal)) {
    throw new ProtocolViolation('Hello: the versions are not all reals');
  }
  const common = versions.some(
    (version) => version instanceof PlistReal && Math.abs(version.value - PROTOCOL_VERSION) < 0.05,
  );
  const answer = {
    MessageName: 'Response',
    ErrorCode: common ? 0 : 1,
    ProtocolVersion: new PlistReal(PROTOCOL_VERSION),
  };
  await link.send(['DLMessageProcessMessage', plistDict(answer)]);
}

/** @returns how the connection ended, when it did */
async function operate(session: BackupSession, request: PlistDict): Promise<string | undefined> {
  const { phone } = session;
  const name = request.MessageName;
  if (typeof name !== 'string') throw new ProtocolViolation('a request without MessageName');
  count(phone.stats.requests, name);
  if (request.TargetIdentifier !== phone.udid)
    throw new ProtocolViolation(`${name}: TargetIdentifier is not this phone`);
  let answer = new FinalAnswer(0, '');
  let outcome: OperationOutcome = {};
  try {
    outcome = await runOperation(session, name, request);
    if (outcome.silent === true) {
      await phone.erase();
      return 'erased';
    }
  } catch (error) {
    if (!(error instanceof FinalAnswer)) throw error;
    answer = error;
  }
  const how = phone.scenarios.value('no-response');
  if (how === 'disconnect') await session.disconnect();
  if (how !== undefined) return how;
  phone.stats.finalCodes.push(answer.errorCode);
  const description = answer.errorCode === 0 ? undefined : answer.description;
  const { content } = outcome;
  const response = {
    MessageName: 'Response',
    ErrorCode: answer.errorCode,
    ErrorDescription: description,
    Content: content,
  };
  await session.link.send(['DLMessageProcessMessage', plistDict(response)]);
  if (outcome.restart !== true) return undefined;
  await session.goodbye(GOODBYE_BEFORE_RESTART_MS);
  await phone.restart();
  return 'restarted';
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

/** Lets what was written arrive before the stream goes. */
function closeGently(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) return resolve();
    const done = () => {
      clearTimeout(timer);
      stream.off('close', done);
      stream.destroy();
      resolve();
    };
    const timer = setTimeout(done, 2_000);
    stream.once('close', done);
    stream.resume().end();
  });
}
