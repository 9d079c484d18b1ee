/** One password for several backups: what was given for one is tried on the next before anybody is asked. A phone seldom has two. */
import type { Secret } from '../io/secret.js';
import type { AskPassword } from './open-backup.js';

/** To be called once for each backup. */
export function passwordOfSeveral(ask: AskPassword | undefined): () => AskPassword | undefined {
  if (ask === undefined) return () => undefined;
  let last: Secret | undefined;
  return () => {
    let isOffered = false;
    return async (question, udid) => {
      if (last !== undefined && !isOffered) {
        isOffered = true;
        return last.copy();
      }
      isOffered = true;
      const given = await ask(question, udid);
      last?.wipe();
      last = given?.copy();
      return given;
    };
  };
}
