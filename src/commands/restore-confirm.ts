/** The question before a restore begins: what it replaces, and the answer that is no slip of the finger. */
import { IbkError } from '../errors.js';
import { nameKey } from '../operations/device-names.js';
import type { RestorePlan } from '../operations/restore/results.js';
import { deviceNoun } from '../ui/device-words.js';
import { askLine, canAsk } from '../ui/prompt.js';
import { printable } from '../ui/text.js';
import type { Session } from './session.js';

/** Typing the phone's name is no slip of the finger. @throws IbkError `usage` where nobody can be asked, `interrupted` when it was left */
export async function confirmRestore(session: Session, plans: readonly RestorePlan[]): Promise<void> {
  const { config, terminal, signal } = session;
  if (config.yes) return;
  const [first, ...others] = plans;
  if (first === undefined) return;
  const { name, productType } = first.device;
  const several = others.length > 0;
  const noun = deviceNoun(productType);
  const asking = { terminal, json: config.json, noInput: config.noInput, signal };
  const what = several
    ? `data on ${plans.length} devices and restarts them`
    : `data on ${printable(name)} and restarts it`;
  if (!canAsk(asking)) {
    throw new IbkError('usage', `This replaces ${what}, and nobody can be asked.`, {
      reason: 'needs_answer',
      meaning: 'Nothing was sent.',
      hint: 'If that is meant: --yes',
    });
  }
  const wanted = several ? String(plans.length) : name;
  terminal.err.line();
  terminal.err.line(`This replaces ${what}.`);
  const prompt = several ? `Type the number of ${noun}s to begin: ` : 'Type its name to begin (Enter to leave): ';
  const answer = await askLine(prompt, asking);
  if (nameKey(answer) === nameKey(wanted)) return;
  throw new IbkError('interrupted', 'The restore was not begun.', {
    reason: 'declined',
    meaning: 'Nothing was sent.',
    hint: 'ibk restore',
  });
}
