/** `ibk pair --export` and `--import`: the pair record of a device as a file. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { IbkError } from '../errors.js';
import { nullSink } from '../events.js';
import { exportPairRecord, importPairRecord } from '../operations/pair-record-file.js';
import type { SelectedDevice } from '../operations/select-device.js';
import { dryRunDocument, pairDocument, pairExportDocument } from '../ui/documents.js';
import { jsonLine } from '../ui/ndjson.js';
import { displayPath } from '../ui/paths.js';
import { printable } from '../ui/text.js';
import { chooseDevices } from './choose-devices.js';
import { operationContext, type Session } from './session.js';

export interface PairFiles {
  readonly p12: string | undefined;
  readonly export: string | undefined;
  readonly import: string | undefined;
}

export async function runPairFiles(session: Session, files: PairFiles): Promise<number> {
  const direction = files.export === undefined ? 'import' : 'export';
  const path = resolve(process.cwd(), files[direction] ?? '');
  const device = await onlyDevice(session, `pair --${direction}`);
  if (session.config.dryRun) rehearse(session, direction, device, path);
  else if (direction === 'export') await take(session, device, path);
  else await bring(session, device, path);
  return 0;
}

async function onlyDevice(session: Session, command: string): Promise<SelectedDevice> {
  const context = operationContext(session, nullSink);
  const [device, ...others] = await chooseDevices(session, context, command);
  if (device !== undefined && others.length === 0) return device;
  throw new IbkError('ambiguous_device', 'A pair record is of one device.', { hint: `ibk ${command} FILE -u NAME` });
}

async function take(session: Session, device: SelectedDevice, path: string): Promise<void> {
  const { config, terminal } = session;
  const { out, err } = terminal;
  await exportPairRecord(operationContext(session, nullSink), device, path);
  if (config.json) out.write(jsonLine(pairExportDocument(device, path)));
  if (config.json || config.quiet) return;
  err.line(
    err.style.done(`${err.glyphs.ok} Pair record of ${printable(device.name)}: ${displayPath(path, terminal.home)}`),
  );
  err.line('  It is a secret: whoever has it can read the device without asking its owner.');
  err.line(`${err.glyphs.next} On the other computer: ibk pair --import FILE`);
}

async function bring(session: Session, device: SelectedDevice, path: string): Promise<void> {
  const { config, terminal, platform } = session;
  const { out, err } = terminal;
  if (platform !== 'win32') await warnOfReaders(session, path);
  const isNew = await importPairRecord(operationContext(session, nullSink), device, path);
  if (config.json) out.write(jsonLine(pairDocument(device, !isNew)));
  if (config.json || config.quiet) return;
  const already = isNew ? '' : ' already; nothing was changed';
  err.line(err.style.done(`${err.glyphs.ok} ${printable(device.name)} trusts this computer${already}.`));
}

async function warnOfReaders({ terminal: { err }, config }: Session, path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || (found.mode & 0o044) === 0 || config.quiet) return;
  const words = `${err.glyphs.attention} Others can read the pair record ${path}. ${err.glyphs.next} chmod 600 it`;
  err.line(err.style.attention(words));
}

function rehearse(
  { config, terminal: { out, home } }: Session,
  direction: 'export' | 'import',
  device: SelectedDevice,
  path: string,
): void {
  if (config.json) return void out.write(jsonLine(dryRunDocument(`pair ${direction}`, device)));
  const [from, to] = direction === 'export' ? ['write', 'to'] : ['take', 'from'];
  out.line(
    `Would ${from} the pair record of ${printable(device.name)} ${to} ${displayPath(path, home)}. Nothing was changed.`,
  );
}
