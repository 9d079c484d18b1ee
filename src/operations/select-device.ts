/** Which devices are meant: `-u` (UDID, unique prefix, name, `all`), the link, and `--wait`. */
import { IbkError } from '../errors.js';
import type { Link } from '../events.js';
import { abortError, throwIfAborted } from '../io/abort.js';
import { inParallel } from '../io/in-parallel.js';
import { greetDevice } from '../protocol/lockdown/greeting.js';
import type { MuxDevice } from '../protocol/usbmux/messages.js';
import { udidKey } from '../protocol/usbmux/udid.js';
import type { OperationContext } from './context.js';
import { choosingOption, nameKey, placeholderName } from './device-names.js';

/** A name is worth a short wait only: what the device is really asked for later has the whole time. */
const NAME_MS = 10_000;
const MUXER_RETRY_MS = 1000;

export type LinkChoice = Link | 'any';

export interface SelectOptions {
  /** As typed. Empty: the only device. */
  readonly udids: readonly string[];
  /** `any`: the cable where a device is on both. */
  readonly link: LinkChoice;
  /** Wait this long for a device that is not there yet. Default: the context's. */
  readonly waitMs?: number | undefined;
  /** The command, for the advice when several devices are there: `ibk backup`. */
  readonly command?: string | undefined;
}

export interface SelectedDevice {
  readonly udid: string;
  /** The device's name if it tells one, else a placeholder with the beginning of its UDID. */
  readonly name: string;
  /** `iPad14,1`, if it tells. */
  readonly productType: string | undefined;
  /** All ways to it that the muxer lists, USB first. */
  readonly links: readonly Link[];
  /** The way that was chosen. */
  readonly entry: MuxDevice;
}

/** A device with all its entries, before anything was asked of it. */
export interface PresentDevice {
  readonly udid: string;
  readonly links: readonly Link[];
  readonly entry: MuxDevice;
}

/**
 * The devices that are meant, each once, in the order of `udids`; with `all` in the muxer's order.
 * @throws IbkError `no_device`, `ambiguous_device`, `usbmuxd`, `timeout`
 */
export async function selectDevices(ctx: OperationContext, options: SelectOptions): Promise<SelectedDevice[]> {
  const waitMs = options.waitMs ?? ctx.timeouts.waitMs;
  if (waitMs <= 0) return choose(ctx, options, await presentDevices(ctx, options.link));
  return waitFor(ctx, options, waitMs);
}

/** Everything that is connected over the link, one entry a UDID. */
export async function presentDevices(ctx: OperationContext, link: LinkChoice): Promise<PresentDevice[]> {
  return groupByUdid(await ctx.muxer.listDevices({ signal: ctx.signal }), link);
}

export function groupByUdid(entries: readonly MuxDevice[], link: LinkChoice): PresentDevice[] {
  const groups = new Map<string, MuxDevice[]>();
  for (const entry of entries) groups.set(entry.udid, [...(groups.get(entry.udid) ?? []), entry]);
  const present: PresentDevice[] = [];
  for (const [udid, ways] of groups) {
    const wanted = ways.filter((way) => link === 'any' || way.link === link);
    const entry = wanted.find((way) => way.link === 'usb') ?? wanted[0];
    if (entry === undefined) continue;
    const links = (['usb', 'network'] as const).filter((kind) => ways.some((way) => way.link === kind));
    present.push({ udid, links, entry });
  }
  return present;
}

/**
 * Tries again whenever a device is attached, until it succeeds or the time is over. A muxer that is not there is waited for as well: on Linux udev starts it
 * with the first device, and it ends with the last (usbmuxd --systemd).
 */
async function waitFor(ctx: OperationContext, options: SelectOptions, waitMs: number): Promise<SelectedDevice[]> {
  const ended = new AbortController();
  const stop = () => ended.abort(ctx.signal.reason);
  ctx.signal.addEventListener('abort', stop, { once: true });
  throwIfAborted(ctx.signal);
  let missing: SelectedDevice[] | IbkError | undefined;
  const late = new IbkError('timeout', 'late');
  ctx.clock.sleep(waitMs, ended.signal).then(
    () => ended.abort(late),
    () => undefined,
  );
  try {
    for (;;) {
      try {
        missing = await attempt(ctx, options);
        if (Array.isArray(missing)) return missing;
        for await (const event of ctx.muxer.listen({ signal: ended.signal })) {
          if (event.kind !== 'attached') continue;
          missing = await attempt(ctx, options);
          if (Array.isArray(missing)) return missing;
        }
      } catch (error) {
        if (!isMuxerAway(error)) throw error;
        missing = error;
      }
      await ctx.clock.sleep(MUXER_RETRY_MS, ended.signal);
    }
  } catch (error) {
    throw error === late ? missing : error;
  } finally {
    ctx.signal.removeEventListener('abort', stop);
    ended.abort();
  }
}

function isMuxerAway(error: unknown): error is IbkError {
  return error instanceof IbkError && error.code === 'usbmuxd' && error.reason !== 'protocol';
}

async function attempt(ctx: OperationContext, options: SelectOptions): Promise<SelectedDevice[] | IbkError> {
  try {
    return await choose(ctx, options, await presentDevices(ctx, options.link));
  } catch (error) {
    if (error instanceof IbkError && error.code === 'no_device') return error;
    throw error;
  }
}

async function choose(
  ctx: OperationContext,
  options: SelectOptions,
  present: readonly PresentDevice[],
): Promise<SelectedDevice[]> {
  const names = new Names(ctx);
  const finish = async (device: PresentDevice): Promise<SelectedDevice> => ({
    ...device,
    ...(await names.told(device)),
  });
  if (options.udids.some(isAll)) {
    if (present.length === 0) throw noDevice(options);
    // One that was asked for by name and is not there is missed all the same.
    for (const typed of options.udids) if (!isAll(typed)) await match(typed, present, names, options);
    return inParallel(present, finish);
  }
  if (options.udids.length === 0) {
    const [only, ...more] = present;
    if (only === undefined) throw noDevice(options);
    if (more.length > 0) throw ambiguous(await inParallel(present, (device) => names.of(device)), options);
    return [await finish(only)];
  }
  const chosen: PresentDevice[] = [];
  for (const typed of options.udids) {
    const device = await match(typed, present, names, options);
    if (!chosen.includes(device)) chosen.push(device);
  }
  return inParallel(chosen, finish);
}

function isAll(typed: string): boolean {
  return typed.toLowerCase() === 'all';
}

/** A whole UDID, then a whole name, then the beginning of a UDID, then the beginning of a name. */
async function match(
  typed: string,
  present: readonly PresentDevice[],
  names: Names,
  options: SelectOptions,
): Promise<PresentDevice> {
  const key = udidKey(typed);
  const exact = present.find((device) => udidKey(device.udid) === key);
  if (exact !== undefined) return exact;
  const byUdid = /^[0-9a-f]{3,}$/.test(key) ? present.filter((device) => udidKey(device.udid).startsWith(key)) : [];
  const name = nameKey(typed);
  const named = await inParallel(present, async (device) => ({ device, key: nameKey(await names.of(device)) }));
  const candidates = [
    named.filter((entry) => entry.key === name).map((entry) => entry.device),
    byUdid,
    name === '' ? [] : named.filter((entry) => entry.key.startsWith(name)).map((entry) => entry.device),
  ];
  for (const [only, ...more] of candidates) {
    if (only === undefined) continue;
    if (more.length === 0) return only;
    const several = await Promise.all(
      [only, ...more].map(async (device) => `${await names.of(device)} (${device.udid})`),
    );
    throw new IbkError('ambiguous_device', `"${typed}" fits ${several.length} devices: ${several.join(', ')}.`, {
      hint: 'Choose one by its UDID: -u UDID',
    });
  }
  throw noDevice(options, typed, present.length);
}

type Told = Pick<SelectedDevice, 'name' | 'productType'>;

/** What devices call themselves, asked for once, several at a time. One that does not answer has the placeholder. */
class Names {
  readonly #known = new Map<string, Promise<Told>>();

  constructor(readonly ctx: OperationContext) {}

  async of(device: PresentDevice): Promise<string> {
    return (await this.told(device)).name;
  }

  told(device: PresentDevice): Promise<Told> {
    const known = this.#known.get(device.udid) ?? this.#ask(device);
    this.#known.set(device.udid, known);
    return known;
  }

  async #ask({ entry, udid }: PresentDevice): Promise<Told> {
    try {
      const { timeouts } = this.ctx;
      const short = {
        connectMs: Math.min(timeouts.connectMs, NAME_MS),
        answerMs: Math.min(timeouts.answerMs, NAME_MS),
      };
      const ctx = { ...this.ctx, timeouts: { ...timeouts, ...short } };
      const { name, productType } = await greetDevice(ctx, this.ctx.muxer, entry);
      return { name: name ?? placeholderName(udid, productType), productType };
    } catch {
      if (this.ctx.signal.aborted) throw abortError(this.ctx.signal);
      return { name: placeholderName(udid, undefined), productType: undefined };
    }
  }
}

function noDevice(options: SelectOptions, typed?: string, others = 0): IbkError {
  const link = options.link === 'any' ? '' : options.link === 'usb' ? ' by cable' : ' over the network';
  if (typed === undefined)
    return new IbkError('no_device', `No iPhone or iPad found${link}. usbmuxd is running and sees no device.`);
  const rest = others === 0 ? 'No device is' : others === 1 ? 'One other device is' : `${others} other devices are`;
  return new IbkError('no_device', `No connected device matches "${typed}".`, {
    meaning: `${rest} connected${link}.`,
    hint: 'ibk devices',
  });
}

function ambiguous(names: readonly string[], options: SelectOptions): IbkError {
  const [first] = names;
  const command = options.command ?? 'ibk';
  return new IbkError(
    'ambiguous_device',
    `${names.length} devices are connected and none was chosen: ${names.join(', ')}.`,
    { hint: `${command}${choosingOption(first ?? '')}, or -u all` },
  );
}
