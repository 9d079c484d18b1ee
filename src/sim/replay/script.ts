/** Makes of a trace what a phone would have to do so that a client sees the same again. */
import { IbkError } from '../../errors.js';
import type { Link } from '../../events.js';
import { isPlistDict, type PlistDict, type PlistValue } from '../../plist/value.js';
import { IOS_PROFILES, type IosId, type IosProfile } from '../profile.js';
import { deviceLinkSteps, type DeviceLinkStep } from './device-link-steps.js';
import { valueOfShape } from './shape-value.js';
import type { TraceRecord } from './trace-file.js';

/** A question to lockdownd or a helper service, and all that came back before the next question. */
export interface Exchange {
  readonly name: string;
  readonly request: PlistValue;
  readonly answers: readonly PlistValue[];
}

export interface AfcExchange {
  readonly name: string;
  readonly status: number | undefined;
  readonly operation: number | undefined;
  readonly bytes: number;
}

export interface ReplayScript {
  readonly udid: string;
  readonly profile: IosProfile;
  readonly link: Link;
  /** The computer had a pair record at first. */
  readonly paired: boolean;
  readonly lockdown: readonly Exchange[];
  /** By layer, one list a connection. */
  readonly services: ReadonlyMap<string, readonly (readonly Exchange[])[]>;
  readonly afc: readonly AfcExchange[];
  /** One list for each connection of the backup service. */
  readonly backups: readonly (readonly DeviceLinkStep[])[];
}

const SERVICE_LAYERS = ['installation_proxy', 'springboard', 'diagnostics'] as const;

/** @throws IbkError `usage` when the trace holds no phone, or several */
export function makeScript(records: readonly TraceRecord[]): ReplayScript {
  const connections = new Map<number, TraceRecord[]>();
  for (const record of records) {
    const list = connections.get(record.connection);
    if (list === undefined) connections.set(record.connection, [record]);
    else list.push(record);
  }
  const of = (layer: string) => [...connections.values()].filter((list) => list[0]?.layer === layer);
  const lockdown = of('lockdown').flatMap(exchanges);
  const facts = phoneFacts(lockdown);
  const muxer = of('usbmux').flatMap(exchanges);
  return {
    udid: onlyPhone(records, facts),
    profile: profileOf(facts),
    link: linkOf(muxer),
    paired: isPaired(muxer),
    lockdown,
    services: new Map(SERVICE_LAYERS.map((layer) => [layer, of(layer).map(exchanges)])),
    afc: of('afc').flatMap(afcExchanges),
    backups: of('devicelink').map((list) => deviceLinkSteps(records, list[0]?.connection ?? -1)),
  };
}

function exchanges(records: readonly TraceRecord[]): Exchange[] {
  const found: { name: string; request: PlistValue; answers: PlistValue[] }[] = [];
  for (const record of records) {
    if (record.event !== 'message') continue;
    const value = valueOfShape(record.shape);
    if (record.sent) found.push({ name: record.name, request: value, answers: [] });
    else found.at(-1)?.answers.push(value);
  }
  return found;
}

function afcExchanges(records: readonly TraceRecord[]): AfcExchange[] {
  return records.flatMap((record) => {
    if (record.event !== 'packet' || record.sent) return [];
    const { name, bytes, numbers } = record;
    return [{ name, bytes, status: numbers.status, operation: numbers.operation }];
  });
}

/** The fullest answer to a GetValue of everything. */
function phoneFacts(lockdown: readonly Exchange[]): PlistDict | undefined {
  const all = lockdown.flatMap(({ name, request, answers: [answer] }) => {
    if (name !== 'GetValue' || !isPlistDict(request) || !isPlistDict(answer) || !isPlistDict(answer.Value)) return [];
    return request.Domain === undefined && request.Key === undefined ? [answer.Value] : [];
  });
  return all.sort((a, b) => Object.keys(b).length - Object.keys(a).length)[0];
}

function onlyPhone(records: readonly TraceRecord[], facts: PlistDict | undefined): string {
  const targets = new Set(
    records.flatMap((record) => {
      if (record.layer !== 'devicelink' || record.event !== 'message' || !record.sent) return [];
      const [, request] = Array.isArray(record.shape) ? record.shape : [];
      const target = typeof request === 'object' && !Array.isArray(request) ? request.TargetIdentifier : undefined;
      return typeof target === 'string' ? [target] : [];
    }),
  );
  const udid = [...targets][0] ?? facts?.UniqueDeviceID;
  if (typeof udid !== 'string') throw notReplayable('it holds no phone');
  if (targets.size > 1) throw notReplayable('it holds several phones; make a trace of one');
  return udid;
}

/** The profile that is nearest to the version in the trace, with the version's own names put in. */
function profileOf(facts: PlistDict | undefined): IosProfile {
  const version = typeof facts?.ProductVersion === 'string' ? facts.ProductVersion : '17.6';
  const major = Number.parseInt(version, 10);
  const id: IosId = major < 10 ? '9' : major < 14 ? '12' : major < 16 ? '15' : major < 26 ? '17' : '26';
  const word = (key: string, otherwise: string) => {
    const value = facts?.[key];
    return typeof value === 'string' ? value : otherwise;
  };
  const base = IOS_PROFILES[id];
  return {
    ...base,
    version,
    build: word('BuildVersion', base.build),
    productType: word('ProductType', base.productType),
  };
}

function linkOf(muxer: readonly Exchange[]): Link {
  const types = JSON.stringify(muxer.filter(({ name }) => name === 'ListDevices').map(({ answers }) => answers));
  return types.includes('"Network"') && !types.includes('"USB"') ? 'network' : 'usb';
}

function isPaired(muxer: readonly Exchange[]): boolean {
  const first = muxer.filter(({ name }) => name === 'ReadPairRecord').map(({ answers: [answer] }) => answer);
  const saved = muxer.findIndex(({ name }) => name === 'SavePairRecord');
  const read = muxer.findIndex(
    ({ name, answers: [answer] }) =>
      name === 'ReadPairRecord' && isPlistDict(answer) && answer.PairRecordData !== undefined,
  );
  return first.length > 0 && read >= 0 && (saved < 0 || read < saved);
}

function notReplayable(why: string): IbkError {
  return new IbkError('usage', `The trace cannot be replayed: ${why}.`, {
    hint: 'Make a trace with: ibk backup --trace FILE',
  });
}
