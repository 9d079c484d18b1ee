/** `--device-side` of info, list and unback: the phone itself reads the backup. */
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { IbkError } from '../errors.js';
import type { OperationEvent } from '../events.js';
import { askAboutBackup } from '../operations/phone-side.js';
import { countOf, formatBytes } from '../figures.js';
import { codeOf } from '../io/system-code.js';
import { phoneSideDocument } from '../ui/documents.js';
import { jsonLine } from '../ui/ndjson.js';
import { passcodeView } from '../ui/pair-view.js';
import { displayPath } from '../ui/paths.js';
import { printable } from '../ui/text.js';
import { chooseDevices } from './choose-devices.js';
import { password } from './password.js';
import { operationContext, type Session } from './session.js';
import { wholeBackup } from './whole-backup.js';

export async function runPhoneSide(
  session: Session,
  request: 'Info' | 'List' | 'Unback',
  words: readonly string[],
  to?: string,
): Promise<number> {
  const { config, terminal, clock, platform } = session;
  const { root, json, quiet } = config;
  const [word, another] = words;
  if (another !== undefined)
    throw new IbkError('usage', 'A device tells of a whole backup, not of some of its files.', {
      hint: `Leave "${another}", or --device-side.`,
    });
  const command = `ibk ${request.toLowerCase()} --device-side`;
  const { chosen } = await wholeBackup(session, word, { command, measure: false });
  let onEvent: (event: OperationEvent) => void = () => undefined;
  const context = operationContext(session, (event) => onEvent(event));
  const { err, out } = terminal;
  const [device, ...others] = await chooseDevices(session, context, command);
  if (device === undefined || others.length > 0)
    throw new IbkError('ambiguous_device', 'One device can be asked at a time.', { hint: `${command} -u NAME` });
  const place = to === undefined ? join(root, '_unback_', chosen.backup.udid) : resolve(process.cwd(), to);
  if (request === 'Unback') refuseUsed(place);
  const view = passcodeView(err, clock, device.productType, quiet || json);
  onEvent = view.onEvent;
  const umask = process.umask();
  const asked = { request, chosen, root, password: password(session), word, to: place, platform, umask };
  const answer = await askAboutBackup(context, device, asked).finally(() => view.close());
  if (json) out.write(jsonLine(phoneSideDocument(answer)));
  else if (request === 'Unback') {
    const { files, bytes, path } = answer;
    const what = `${countOf(files ?? 0, 'file')}, ${formatBytes(bytes ?? 0)}`;
    if (!quiet)
      err.line(err.style.done(`${err.glyphs.ok} Unpacked ${what}, to ${displayPath(path ?? '', terminal.home)}`));
  } else for (const line of (answer.content ?? '').trimEnd().split('\n')) out.line(printable(line));
  return 0;
}

function refuseUsed(place: string): void {
  const isUsed = (() => {
    try {
      return readdirSync(place).length > 0;
    } catch (error) {
      return codeOf(error) !== 'ENOENT';
    }
  })();
  if (isUsed)
    throw new IbkError('usage', `${place} is in the way.`, {
      reason: 'in_the_way',
      meaning: 'Nothing was written.',
      hint: 'Choose a new or empty folder with --to.',
    });
}
