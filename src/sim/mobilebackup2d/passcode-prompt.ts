/** The passcode prompt, as the computer sees it: two notifications, and silence between them. */
import { throwIfAborted } from '../../io/abort.js';
import { FinalAnswer } from './endings.js';
import type { BackupSession } from './session.js';

const PROMPT_SHOWN = 'com.apple.LocalAuthentication.ui.presented';
const PROMPT_GONE = 'com.apple.LocalAuthentication.ui.dismissed';

/** A phone without a passcode does not ask. @throws FinalAnswer 208 when it was not entered */
export async function askPasscode({ phone, link }: BackupSession): Promise<void> {
  if (!phone.passcodeSet) return;
  phone.notify(PROMPT_SHOWN);
  const entered = !phone.scenarios.has('passcode-refused') && (await phone.askPasscode(link.attended));
  throwIfAborted(link.attended);
  phone.notify(PROMPT_GONE);
  if (!entered) throw new FinalAnswer(208, 'Device locked (MBErrorDomain/208)');
}
