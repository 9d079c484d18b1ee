/**
 * Pairing and unpairing: the conversation with the device and with whoever holds it.
 *
 * Order as libimobiledevice and pymobiledevice3 have it: DevicePublicKey and WiFiAddress (asking later forces iOS 7 to reconnect), BUID,
 * keys, then `Pair` with the same record again and again, about once a second, while the Trust dialog is up.
 */
import { randomUUID } from 'node:crypto';
import { IbkError } from '../../errors.js';
import { formatLimit } from '../../figures.js';
import { asData, field, optionalDict } from '../../plist/fields.js';
import { type PlistDict, plistDict } from '../../plist/value.js';
import type { ProtocolContext } from '../context.js';
import type { WaitOptions } from '../plist-channel.js';
import type { Transport } from '../transport.js';
import type { UsbmuxClient } from '../usbmux/client.js';
import { PairRecord, type PairRecordFields } from '../usbmux/pair-record.js';
import { isLockdownError, isStaleSession, lockdownError } from './errors.js';
import { lockdownErrorName, PROTOCOL_VERSION } from './messages.js';
import { makePairRecord } from './pairing.js';
import { type Greeting, LockdownConversation } from './session.js';
import type { SupervisionIdentity } from './supervision.js';

const POLL_MS = 1000;

export interface PairingTarget {
  readonly muxer: UsbmuxClient;
  readonly transport: Transport;
  /** The muxer's number for the device, so that other programs are told of the new record. */
  readonly deviceId: number;
  /** Of the organization that supervises the device: it then asks nobody. */
  readonly identity?: SupervisionIdentity | undefined;
}

/**
 * Pairs and saves the record. Emits `phase pair` and `prompt trust` when the device asks its owner.
 * @throws IbkError `not_paired` (refused, not answered within `passcodeMs`, over Wi-Fi), `device_locked`, `device_precondition`, …
 */
export async function pair(
  ctx: ProtocolContext,
  target: PairingTarget,
  options: WaitOptions = {},
): Promise<PairRecord> {
  const { muxer, transport } = target;
  const signal = options.signal ?? ctx.signal;
  if (transport.link === 'network') throw lockdownError('PairingProhibitedOverThisConnection', { request: 'Pair' });
  let conversation = await LockdownConversation.open(ctx, transport, { signal });
  try {
    const greeting = await conversation.greet({ signal });
    const fields = await prepare(ctx, muxer, conversation, greeting, signal);
    const reopen = async () => {
      conversation.close();
      conversation = await LockdownConversation.open(ctx, transport, { signal });
      await conversation.greet({ signal });
      return conversation;
    };
    const offer = { record: new PairRecord(fields), identity: target.identity, now: () => ctx.clock.now() };
    const escrowBag = await untilTrusted(ctx, transport.udid, offer, conversation, reopen, signal);
    const record = new PairRecord({ ...fields, escrowBag });
    await muxer.savePairRecord(transport.udid, record.encode(), target.deviceId, { signal });
    if (greeting.ios.major < 7 && greeting.deviceClass !== 'Watch') await conversation.validatePair(record, { signal });
    return record;
  } finally {
    conversation.close();
  }
}

async function prepare(
  ctx: ProtocolContext,
  muxer: UsbmuxClient,
  conversation: LockdownConversation,
  greeting: Greeting,
  signal: AbortSignal,
): Promise<PairRecordFields> {
  const devicePublicKey = asData(
    await conversation.getValue(undefined, 'DevicePublicKey', { signal }),
    'DevicePublicKey',
  );
  const wifi = await conversation.getValue(undefined, 'WiFiAddress', { signal });
  const systemBuid = (await muxer.readBuid({ signal })) ?? randomUUID().toUpperCase();
  return makePairRecord({
    devicePublicKey,
    systemBuid,
    wifiMacAddress: typeof wifi === 'string' ? wifi : undefined,
    ios: greeting.ios,
    now: ctx.clock.now(),
  });
}

/** Sends `Pair` until it is answered for good. Returns the escrow bag; a locked device gives none. */
async function untilTrusted(
  ctx: ProtocolContext,
  udid: string,
  offer: Offer,
  first: LockdownConversation,
  reopen: () => Promise<LockdownConversation>,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  let conversation = first;
  let shown = false;
  const timeoutSeconds = Math.ceil(ctx.timeouts.passcodeMs / 1000);
  const prompt = (state: 'shown' | 'answered') =>
    ctx.onEvent({ type: 'prompt', udid, prompt: 'trust', state, timeoutSeconds });
  const until = ctx.clock.monotonic() + ctx.timeouts.passcodeMs;
  for (let renewed = false; ; ) {
    try {
      const bag = await requestPair(conversation, offer, signal);
      if (shown) prompt('answered');
      return bag;
    } catch (error) {
      if (isLockdownError(error, 'PairingDialogResponsePending')) {
        if (!shown) {
          ctx.onEvent({ type: 'phase', udid, phase: 'pair' });
          prompt('shown');
        }
        shown = true;
        renewed = false;
        if (ctx.clock.monotonic() + POLL_MS > until) throw notAnswered(conversation.noun, timeoutSeconds);
        await ctx.clock.sleep(POLL_MS, signal);
      } else if (isStaleSession(error) && !renewed) {
        renewed = true; // lockdownd hangs up now and then while the dialog is open
        conversation = await reopen();
      } else {
        if (shown && !(error instanceof IbkError && error.code === 'connection_lost')) prompt('answered');
        throw error instanceof IbkError ? error.with({ phase: 'pair' }) : error;
      }
    }
  }
}

interface Offer {
  readonly record: PairRecord;
  readonly identity: SupervisionIdentity | undefined;
  readonly now: () => number;
}

async function requestPair(
  conversation: LockdownConversation,
  { record, identity, now }: Offer,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const ask = (options: PlistDict) => {
    const extra = {
      PairRecord: record.publicPart(),
      ProtocolVersion: PROTOCOL_VERSION,
      PairingOptions: options,
    };
    return conversation.answerTo('Pair', extra, { signal });
  };
  const supervised = identity === undefined ? {} : { SupervisorCertificate: identity.certificate };
  let answer = await ask(plistDict({ ...supervised, ExtendedPairingErrors: true }));
  const challenge = identity === undefined ? undefined : challengeIn(answer);
  if (challenge !== undefined && identity !== undefined)
    answer = await ask(plistDict({ ChallengeResponse: identity.answer(challenge, now()) }));
  const error = lockdownErrorName(answer);
  if (error !== undefined) throw lockdownError(error, { request: 'Pair', noun: conversation.noun });
  const bag = field(answer, 'EscrowBag');
  return Buffer.isBuffer(bag) && bag.length > 0 ? bag : undefined;
}

function challengeIn(answer: PlistDict): Buffer | undefined {
  if (lockdownErrorName(answer) !== 'MCChallengeRequired') return undefined;
  const challenge = field(optionalDict(answer, 'ExtendedResponse') ?? plistDict(), 'PairingChallenge');
  return Buffer.isBuffer(challenge) ? challenge : undefined;
}

function notAnswered(noun: string, seconds: number): IbkError {
  return new IbkError('not_paired', `Trust was not answered on the ${noun} within ${formatLimit(seconds)}.`, {
    meaning: 'Without it no backup is possible. Nothing was changed.',
    hint: 'Unlock it, tap Trust and enter its passcode, then run: ibk pair',
    reason: 'trust_timeout',
    phase: 'pair',
  });
}

/** What became of each side of the trust. */
export interface Unpaired {
  /** False: it was not asked, or had forgotten this computer already. */
  readonly onDevice: boolean;
  readonly onComputer: boolean;
}

/** Tells the device to forget this computer, then removes the record here. */
export async function unpair(
  ctx: ProtocolContext,
  target: Pick<PairingTarget, 'muxer' | 'transport'>,
  record: PairRecord | undefined,
  options: WaitOptions = {},
): Promise<Unpaired> {
  const { muxer, transport } = target;
  const signal = options.signal ?? ctx.signal;
  const onDevice = record !== undefined && (await forgetUs(ctx, transport, record, signal));
  return { onDevice, onComputer: await muxer.deletePairRecord(transport.udid, { signal }) };
}

async function forgetUs(
  ctx: ProtocolContext,
  transport: Transport,
  record: PairRecord,
  signal: AbortSignal,
): Promise<boolean> {
  const conversation = await LockdownConversation.open(ctx, transport, { signal });
  try {
    const extra = { PairRecord: record.publicPart(), ProtocolVersion: PROTOCOL_VERSION };
    await conversation.request('Unpair', extra, { signal });
    return true;
  } catch (error) {
    if (isLockdownError(error, 'InvalidHostID')) return false;
    throw error;
  } finally {
    conversation.close();
  }
}
