/** What somebody may ask for before a backup is made. Each refusal comes before the phone has been asked for anything. */
import { IbkError } from '../errors.js';
import { choosingOption } from './device-names.js';

/** @throws IbkError `condition`, exit 4 */
export function refuseUnencrypted(noun: string, name: string): never {
  throw new IbkError('condition', `Backups of this ${noun} are not encrypted (--require-encrypted).`, {
    reason: 'not_encrypted',
    meaning: `Nothing was asked of the ${noun}.`,
    hint: `ibk encrypt on${choosingOption(name)}`,
  });
}
