import type { OperationEvent } from '../events.js';
import { IbkError } from '../errors.js';
import { nameKey } from '../operations/device-names.js';
import { eraseDevice, planErase } from '../operations/erase.js';
import type { ErasePlan } from '../operations/results.js';
import { dryRunDocument, eraseDocument } from '../ui/documents.js';
import { erasedLines, erasePlanLines } from '../ui/erase-screen.js';
import { eventToJson, jsonLine } from '../ui/ndjson.js';
import { passcodeView } from '../ui/pair-view.js';
import { shellWord } from '../ui/paths.js';
import { askLine, canAsk } from '../ui/prompt.js';
import { printable } from '../ui/text.js';
import { chooseDevices } from './choose-devices.js';
import { type CommandSpec, DEVICE_CODES } from './command.js';
import { operationContext, type Session } from './session.js';

export const eraseCommand: CommandSpec = {
  help: {
    name: 'erase',
    sentence:
      'Erase a device: all content and settings, as it leaves the factory. Shows what is known of it and asks for its name.',
    rows: [],
    examples: [
      ['ibk erase --dry-run', 'its last backup, and Find My'],
      ['ibk erase', 'type its name to begin'],
      ['ibk erase -u "Lab iPhone 7" --yes', 'for scripts: --yes needs the name'],
    ],
    note: 'This cannot be undone. Backups on this computer stay; one before it: ibk backup, then ibk verify --read-data. With Find My on, the device asks for the password of its owner afterwards.',
    codes: [...DEVICE_CODES, 'device_precondition', 'device_busy', 'cancelled'],
  },
  aliases: ['erase-device'],
  options: [],
  run: async (session) => {
    const { config, terminal, clock } = session;
    refuseNameless(session);
    let onEvent: (event: OperationEvent) => void = () => undefined;
    const context = operationContext(session, (event) => onEvent(event));
    for (const device of await chooseDevices(session, context, 'erase')) {
      const plan = await planErase(context, device, config);
      if (config.dryRun) {
        rehearse(session, plan);
        continue;
      }
      await confirmErase(session, plan);
      const view = passcodeView(terminal.err, clock, device.productType, config.quiet || config.json);
      onEvent = (event) => {
        if (config.progress === 'json') terminal.err.write(jsonLine(eventToJson(event, new Date(clock.now()))));
        else view.onEvent(event);
      };
      const outcome = await eraseDevice(context, device).finally(() => view.close());
      if (config.json) terminal.out.write(jsonLine(eraseDocument(outcome)));
      else if (!config.quiet) for (const line of erasedLines(outcome, terminal.err)) terminal.err.line(line);
    }
    return 0;
  },
};

/** "The connected one" may be another than was thought, and "all" is never a name. */
function refuseNameless({ config: { udids, yes, dryRun } }: Session): void {
  if (dryRun || !yes) return;
  if (udids.length > 0 && !udids.includes('all')) return;
  throw new IbkError('usage', 'To erase without asking, each device has to be named.', {
    reason: 'needs_name',
    meaning: 'Nothing was erased.',
    hint: 'ibk erase -u NAME --yes',
  });
}

function rehearse({ config, terminal: { out }, clock }: Session, plan: ErasePlan): void {
  if (config.json) out.write(jsonLine(dryRunDocument('erase', plan)));
  else {
    for (const line of erasePlanLines(plan, 'Would erase', out, clock.now())) out.line(line);
    out.line('Nothing was erased.');
  }
}

/** Typing the device's name is no slip of the finger. @throws IbkError `usage` where nobody can be asked, `interrupted` when it was left */
async function confirmErase({ config, terminal, clock, signal }: Session, plan: ErasePlan): Promise<void> {
  if (config.yes) return;
  const { err } = terminal;
  const asking = { terminal, json: config.json, noInput: config.noInput, signal };
  if (!canAsk(asking)) {
    throw new IbkError('usage', `This erases ${printable(plan.name)}, and nobody can be asked.`, {
      reason: 'needs_answer',
      meaning: 'Nothing was erased.',
      hint: `If that is meant: ibk erase -u ${shellWord(plan.name)} --yes`,
    });
  }
  for (const line of erasePlanLines(plan, 'This erases', err, clock.now())) err.line(line);
  const answer = await askLine('Type its name to begin (Enter to leave): ', asking);
  if (nameKey(answer) === nameKey(plan.name)) return;
  throw new IbkError('interrupted', `${printable(plan.name)} was not erased.`, {
    reason: 'declined',
    meaning: 'Nothing was changed.',
    hint: 'ibk erase',
  });
}
