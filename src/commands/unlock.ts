import { chooseBackups } from '../operations/choose-backups.js';
import { listBackups } from '../operations/list-backups.js';
import type { ListedLock } from '../operations/results.js';
import { inUse, locksOf, unlock } from '../operations/unlock.js';
import { unlockDocument } from '../ui/documents.js';
import { hanging } from '../ui/errors.js';
import { jsonLine } from '../ui/ndjson.js';
import { shellWord } from '../ui/paths.js';
import { confirm } from '../ui/prompt.js';
import { lockLines, NOTHING_LOCKED, unlockedWords, unlockQuestion } from '../ui/unlock-screen.js';
import type { CommandSpec } from './command.js';

export const unlockCommand: CommandSpec = {
  help: {
    name: 'unlock',
    sentence: 'Show who keeps a backup from being written to; break a lock that nobody holds any more. Asks first.',
    rows: [],
    examples: [
      ['ibk unlock', 'who holds what, and asks'],
      ['ibk unlock -u "Anna\'s iPhone" --yes', 'one device, without asking'],
    ],
    note: 'A lock on a disk of this computer ends with its process, so none is ever left behind there; one whose process runs is never broken. What can be broken is the lock of another computer that shares the root, after a crash of that computer. If ibk still runs there, its backup fails; the backups that are finished stay as they are.',
    codes: ['not_found', 'in_use', 'destination', 'ambiguous_device', 'interrupted'],
  },
  options: [],
  run: async ({ config, terminal, clock, signal }) => {
    const { root, udids, json, noInput, quiet } = config;
    const { out, err } = terminal;
    const chosen = chooseBackups(await listBackups({ root, signal }), udids);
    const locks = await locksOf(root, chosen, udids.length === 0, clock.now());
    const held = locks.filter(({ state }) => state !== 'free');
    const removed: ListedLock[] = [];
    for (const lock of held) {
      if (lock.state === 'in_use') throw inUse(lock);
      if (!json) for (const line of lockLines(lock, out, clock.now())) out.line(line);
      if (config.dryRun) continue;
      const question = unlockQuestion(lock);
      const answeredBy = `ibk unlock -u ${shellWord(lock.name)} --yes`;
      if (!config.yes && !(await confirm(question, answeredBy, { terminal, json, noInput, signal }))) continue;
      await unlock(root, lock, clock.now());
      removed.push(lock);
      if (!json && !quiet) err.line(err.style.done(`${err.glyphs.ok} ${unlockedWords(lock)}`));
    }
    if (json) out.write(jsonLine(unlockDocument(locks, removed)));
    else if (held.length === 0 && !quiet)
      for (const line of hanging(out.glyphs.ok, NOTHING_LOCKED, out.width())) out.line(line);
    else if (removed.length === 0 && !quiet) err.line('Nothing was changed.');
    return 0;
  },
};
