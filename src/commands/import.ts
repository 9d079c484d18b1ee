import { resolve } from 'node:path';
import { KILL_POINT_VARIABLE, killPoint } from '../backup/disk/kill-point.js';
import { IbkError } from '../errors.js';
import { countOf, formatBytes } from '../figures.js';
import { importBackup, importedName, lookAtImport, withImportFolder } from '../operations/import.js';
import { movedReport } from '../ui/moved-report.js';
import { displayPath } from '../ui/paths.js';
import { printable } from '../ui/text.js';
import type { CommandSpec } from './command.js';

export const importCommand: CommandSpec = {
  help: {
    name: 'import',
    sentence:
      'Take a backup in: the folder of another program, a copy, or an archive of one, becomes a version under the backup root.',
    rows: [{ flags: 'PATH', words: 'a folder in the layout of Apple, or a .tar, .tar.gz or .zip of one' }],
    examples: [
      ['ibk import ~/old/00008120-000A1D2E0C88401E', 'one that Finder or iTunes made'],
      ['ibk import phone.tar.gz -o /mnt/backup/phones', 'an archive, into another root'],
    ],
    note: 'It is looked through first, then copied; PATH is only read. An archive is unpacked under the root on the way, files of a backup alone. Newer than all versions of its device, it becomes the newest, and what it changes stays with the version before; older, it becomes a version beside them. From now on each file has a checksum.',
    codes: ['not_found', 'in_use', 'password', 'damaged', 'destination', 'incompatible', 'unsafe', 'interrupted'],
  },
  mostArguments: 1,
  options: [],
  run: async (session, _options, [word]) => {
    if (word === undefined)
      throw new IbkError('usage', 'What is to be taken in was not said.', { hint: 'ibk import PATH' });
    const { config, terminal, clock, signal, env } = session;
    const { root, json, dryRun } = config;
    const path = resolve(process.cwd(), word);
    return withImportFolder({ path, root, signal }, async (folder) => {
      const found = await lookAtImport({ folder, path, signal });
      const report = movedReport(terminal, clock, config, {
        ...{ command: 'import', done: 'Imported', doing: 'Importing', udid: found.udid, name: found.name },
        version: { version: null, madeAt: found.madeAt, encrypted: found.encrypted, bytes: found.bytes },
      });
      const sum = { files: 0, bytes: 0, kept: 0 };
      try {
        report.start();
        const { version, isNewest } = await importBackup(found, {
          ...{ folder, root, dryRun, clock, signal },
          beforeChange: killPoint(env[KILL_POINT_VARIABLE]),
          onFile: (bytes, kept) => {
            report.file(bytes);
            if (kept) sum.kept += 1;
            sum.bytes += kept ? 0 : bytes;
          },
        });
        if (version === null) {
          const amount = `${countOf(found.files, 'file')}, ${formatBytes(found.bytes)}`;
          const as = isNewest ? 'as the newest version' : 'as an earlier version';
          if (!json)
            terminal.out.line(`Would import ${printable(importedName(found))}: ${amount}, ${as}. Nothing was changed.`);
          return 0;
        }
        const place = isNewest ? 'the newest version' : 'an earlier version';
        const shown = `as ${version}, ${place}, into ${displayPath(root, terminal.home)}`;
        const result = { files: found.files, bytes: sum.bytes, failed: 0, kept: sum.kept };
        return await report.end({ ...result, path: root, shown, version, next: `ibk verify ${version} --read-data` });
      } finally {
        await report.close();
      }
    });
  },
};
