import { Command } from 'commander';
import { asRatchetError } from '../core/errors.ts';
import { boundMemory } from './bound-memory.ts';
import { filesOf } from './commands.ts';
import { packageVersion } from './version.ts';

boundMemory();

const program = new Command('ratchet')
  .description('The durable loop use → reinforce → train → use for people who run their own models.')
  .version(packageVersion())
  .showHelpAfterError();

for (const { load } of filesOf(process.argv[2])) (await load())(program);

try {
  await program.parseAsync();
} catch (error) {
  const { code, message, stack } = asRatchetError(error);
  console.error(`ratchet: ${code === 'Bug' ? stack : message}`);
  process.exitCode = 1;
}
