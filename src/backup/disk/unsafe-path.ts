/** Refusals of a path that would lead out of the store. */
import { IbkError } from '../../errors.js';

export function linkInPath(path: string): IbkError {
  return new IbkError('unsafe', `A folder of the backup is a link to another place: ${path}.`, {
    reason: 'link_in_path',
    meaning: 'Nothing was written through it.',
    hint: 'Put the folder itself there, or choose the place with -o.',
    details: { path },
  });
}

export function outsideStore(path: string): IbkError {
  return new IbkError('unsafe', 'The records of the store name a place outside it.', {
    reason: 'store_record',
    meaning: 'Nothing was read or written there.',
    hint: 'ibk doctor',
    details: { path },
  });
}
