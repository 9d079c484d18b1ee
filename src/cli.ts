import { simCommand } from './commands/sim.js';
import { IbkError } from './errors.js';

export async function main(): Promise<void> {
  const [name, ...args] = process.argv.slice(2);
  try {
    if (name !== 'sim') throw new IbkError('usage', 'Only ibk sim is here yet.');
    await simCommand().parseAsync(args, { from: 'user' });
  } catch (error) {
    const known = error instanceof IbkError ? error : new IbkError('bug', String(error), { cause: error });
    process.stderr.write(`✗ ${known.message}\n${known.meaning ?? ''}\n→ ${known.hint}\n`);
    process.exitCode = known.exit;
  }
}
