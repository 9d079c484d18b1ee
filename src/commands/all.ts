import { backupCommand } from './backup.js';
import type { CommandSpec } from './command.js';
import { devicesCommand } from './devices.js';
import { doctorCommand } from './doctor.js';
import { infoCommand } from './info.js';
import { listCommand } from './list.js';
import { pairCommand } from './pair.js';
import { unlockCommand } from './unlock.js';
import { unpairCommand } from './unpair.js';
import { verifyCommand } from './verify.js';

/** Every command but `sim`, which is loaded only when it is asked for. */
export const ALL_COMMANDS: readonly CommandSpec[] = [
  backupCommand,
  listCommand,
  infoCommand,
  verifyCommand,
  doctorCommand,
  devicesCommand,
  pairCommand,
  unpairCommand,
  unlockCommand,
];
