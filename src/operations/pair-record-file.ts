/**
 * The pair record of a device as a file: to take trust along to another computer. It is a secret: whoever has it can read the device without asking its
 * owner. The form is that of /var/lib/lockdown and of other programs.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { IbkError } from '../errors.js';
import { syncFolder } from '../io/private-files.js';
import { readSmallFile } from '../io/small-files.js';
import { openDevice } from '../protocol/lockdown/device.js';
import { decodePairRecord, readPairRecord } from '../protocol/usbmux/pair-record.js';
import { UsbmuxTransport } from '../protocol/usbmux/transport.js';
import type { OperationContext } from './context.js';
import { isForgotten, notTrusted } from './open-device.js';
import { validatePairing } from './pair.js';
import type { SelectedDevice } from './select-device.js';

const MOST_BYTES = 1024 * 1024;

/**
 * Writes a new file, 0600; one that is there is never replaced.
 * @throws IbkError `not_paired` when there is no record; `usage`, reason `in_the_way`; `destination`
 */
export async function exportPairRecord(ctx: OperationContext, selected: SelectedDevice, path: string): Promise<void> {
  const record = await readPairRecord({ muxer: ctx.muxer }, selected.udid, { signal: ctx.signal });
  if (record === undefined) throw notTrusted(selected);
  const file = await createPrivate(path);
  try {
    await file.writeFile(record.encode());
    await file.sync();
  } catch (cause) {
    throw new IbkError('destination', `${path} could not be written.`, { cause });
  } finally {
    await file.close();
  }
  await syncFolder(dirname(path));
}

async function createPrivate(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, 'wx', 0o600);
    // The umask can only have taken more away.
    await file.chmod(0o600).catch(() => undefined);
    return file;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'EEXIST')
      throw new IbkError('usage', `${path} is there already.`, {
        reason: 'in_the_way',
        meaning: 'A pair record replaces nothing. Nothing was written.',
        hint: 'Choose another name.',
      });
    throw new IbkError('destination', `${path} cannot be written: ${String(code ?? 'it failed')}.`, {
      meaning: 'Nothing was written.',
      hint: 'Choose another place.',
      cause,
    });
  }
}

/**
 * Takes a record in, once the device has accepted it. A record here that the device accepts is left as it is.
 * @returns false: the device trusted this computer already, and nothing was changed
 * @throws IbkError `usage` for a file that is no pair record; `not_paired` when the device does not know it
 */
export async function importPairRecord(
  ctx: OperationContext,
  selected: SelectedDevice,
  path: string,
): Promise<boolean> {
  const record = await readRecord(path);
  if (await isTrusted(ctx, selected)) return false;
  const transport = new UsbmuxTransport(ctx.muxer, selected.entry);
  try {
    await (await openDevice(ctx, transport, record)).release();
  } catch (error) {
    if (!isForgotten(error)) throw error;
    throw new IbkError('not_paired', `${selected.name} does not know the pair record of ${path}.`, {
      reason: 'foreign_pair_record',
      meaning: 'It is of another device, or this one has forgotten it since. Nothing was changed.',
      hint: 'ibk pair',
    });
  }
  const { udid, entry } = selected;
  await ctx.muxer.savePairRecord(udid, record.encode(), entry.deviceId, { signal: ctx.signal });
  return true;
}

async function readRecord(path: string) {
  const bytes = await readSmallFile(path, MOST_BYTES);
  const problem = (why: string) =>
    new IbkError('usage', `${path} ${why}.`, {
      reason: 'pair_record_file',
      meaning: 'Nothing was changed.',
      hint: 'It is what this makes on the other computer: ibk pair --export FILE',
    });
  if (bytes === undefined) throw problem('cannot be read');
  try {
    return decodePairRecord(bytes);
  } catch {
    throw problem('is no pair record');
  }
}

async function isTrusted(ctx: OperationContext, selected: SelectedDevice): Promise<boolean> {
  try {
    await validatePairing(ctx, selected);
    return true;
  } catch (error) {
    if (error instanceof IbkError && error.code === 'not_paired') return false;
    throw error;
  }
}
