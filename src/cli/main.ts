import { Command } from 'commander';
import { asRatchetError } from '../core/errors.ts';
import { packageVersion, registerApi } from './api.ts';
import { registerChat } from './chat.ts';
import { registerCycle } from './cycle.ts';
import { registerDemo } from './demo/command.ts';
import { registerDoctor } from './doctor.ts';
import { registerModels } from './models.ts';
import { registerRate } from './rate.ts';
import { registerSetup } from './setup.ts';
import { registerUp } from './up.ts';
import { registerWorker } from './worker.ts';

const program = new Command('ratchet')
  .description('The durable loop use → reinforce → train → use for people who run their own models.')
  .version(packageVersion())
  .showHelpAfterError();

for (const register of [
  registerUp,
  registerDemo,
  registerChat,
  registerRate,
  registerCycle,
  registerModels,
  registerSetup,
  registerDoctor,
  registerApi,
  registerWorker,
]) {
  register(program);
}

try {
  await program.parseAsync();
} catch (error) {
  const { code, message, stack } = asRatchetError(error);
  console.error(`ratchet: ${code === 'Bug' ? stack : message}`);
  process.exitCode = 1;
}
