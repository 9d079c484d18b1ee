/** What every verb of `ibk idevicebackup2` works with. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { IbkError } from '../../errors.js';
import type { EventSink } from '../../events.js';
import type { OperationContext } from '../../operations/context.js';
import { listBackups } from '../../operations/list-backups.js';
import type { ListedBackup } from '../../operations/results.js';
import { presentDevices, type SelectedDevice, selectDevices } from '../../operations/select-device.js';
import { udidKey } from '../../protocol/usbmux/udid.js';
import { debugTrace } from '../../ui/debug-trace.js';
import { operationContext, type Session } from '../session.js';
import type { DropInArguments } from './arguments.js';
import { DropInPasswords } from './passwords.js';

export interface DropIn {
  readonly asked: DropInArguments;
  /** With the settings that the arguments mean: nobody is asked for more than a password, nothing is JSON. */
  readonly session: Session;
  /** DIRECTORY as typed, for the words on stdout. */
  readonly directory: string;
  /** Absolute. */
  readonly root: string;
  readonly passwords: DropInPasswords;
}

export function dropInFor(session: Session, asked: DropInArguments, cwd: string): DropIn {
  const { config, terminal, clock } = session;
  const directory = asked.directory ?? '.';
  const root = resolve(cwd, directory);
  const trace = asked.debug ? debugTrace((line) => terminal.err.line(line), clock, []) : session.trace;
  const own: Session = {
    ...session,
    trace: session.trace ?? trace,
    config: {
      ...config,
      ...{ root, udids: asked.udid === undefined ? [] : [asked.udid], link: asked.network ? 'network' : 'usb' },
      ...{ json: false, quiet: false, progress: 'none', dryRun: false, yes: true, noInput: !asked.interactive },
    },
  };
  return {
    asked,
    session: own,
    directory,
    root,
    passwords: new DropInPasswords(own, asked.interactive, asked.passwords),
  };
}

export function contextOf({ session }: DropIn, onEvent: EventSink): OperationContext {
  return operationContext(session, onEvent);
}

/** What overwrites or changes a device is not done to one that nobody named. @throws IbkError `no_device`, `ambiguous_device`, `usbmuxd` */
export async function chosenDevice(drop: DropIn, ctx: OperationContext): Promise<SelectedDevice> {
  const { udids, link } = drop.session.config;
  const [device] = await selectDevices(ctx, { udids, link }).catch((error: unknown) => {
    if (error instanceof IbkError && error.code === 'ambiguous_device')
      throw error.with({ hint: 'Choose one with -u UDID.' });
    throw error;
  });
  if (device === undefined) throw new IbkError('no_device', 'No device found.');
  return device;
}

/** Without `-u` the first that usbmuxd lists, as idevicebackup2 does. @throws IbkError as `chosenDevice` */
export async function firstDevice(drop: DropIn, ctx: OperationContext): Promise<SelectedDevice> {
  const { udids, link } = drop.session.config;
  const [first] = udids.length > 0 ? [] : await presentDevices(ctx, link);
  const [device] = await selectDevices(ctx, { udids: first === undefined ? udids : [first.udid], link });
  if (device === undefined) throw new IbkError('no_device', 'No device found.');
  return device;
}

/** DIRECTORY must be there: it is made by nobody. @throws IbkError */
export async function requireDirectory({ directory, root }: DropIn): Promise<void> {
  const isFolder = await stat(root).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder)
    throw new IbkError('destination', `Backup directory "${directory}" does not exist!`, {
      hint: `mkdir ${directory}`,
    });
}

/** `DIRECTORY/<UDID>`, as it lies there. Undefined: no backup. @throws IbkError `destination` */
export async function backupOf({ root, session }: DropIn, udid: string): Promise<ListedBackup | undefined> {
  const { backups } = await listBackups({ root, measure: false, signal: session.signal });
  return backups.find((backup) => udidKey(backup.udid) === udidKey(udid));
}

/** The two files without which idevicebackup2 calls a backup invalid. @throws IbkError */
export async function requireValid({ directory, root }: DropIn, udid: string): Promise<void> {
  for (const name of ['Info.plist', 'Manifest.plist']) {
    const there = await stat(join(root, udid, name)).catch(() => undefined);
    if (there?.isFile() === true) continue;
    throw new IbkError('damaged', `Backup directory "${directory}" is invalid. No ${name} found for UDID ${udid}.`);
  }
}
