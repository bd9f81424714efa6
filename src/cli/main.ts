import { Command } from 'commander';
import { asRatchetError } from '../core/errors.ts';
import { registerApi } from './api.ts';
import { boundMemory } from './bound-memory.ts';
import { registerChat } from './chat.ts';
import { registerChats } from './chats.ts';
import { registerBases } from './bases.ts';
import { registerCompare } from './compare.ts';
import { registerCatalogue } from './catalogue/commands.ts';
import { registerConfig } from './config/command.ts';
import { registerCycle } from './cycle.ts';
import { registerDatasets } from './datasets.ts';
import { registerDemo } from './demo/command.ts';
import { registerDoctor } from './doctor.ts';
import { registerForget } from './forget.ts';
import { registerImport } from './import.ts';
import { registerKeys } from './keys.ts';
import { registerLineage } from './lineage.ts';
import { registerModels } from './models.ts';
import { registerOllama } from './ollama/commands.ts';
import { registerPrices } from './prices.ts';
import { registerPrompts } from './prompts.ts';
import { registerProviderKey } from './provider-key.ts';
import { registerRate } from './rate.ts';
import { registerRecipes } from './recipes.ts';
import { registerReview } from './review.ts';
import { registerRoute } from './route.ts';
import { registerSetup } from './setup.ts';
import { registerStatus } from './status.ts';
import { registerTransfer } from './transfer.ts';
import { registerUp } from './up.ts';
import { registerUsage } from './usage.ts';
import { packageVersion } from './version.ts';
import { registerWorker } from './worker.ts';

boundMemory();

const program = new Command('ratchet')
  .description('The durable loop use → reinforce → train → use for people who run their own models.')
  .version(packageVersion())
  .showHelpAfterError();

for (const register of [
  registerUp,
  registerDemo,
  registerChat,
  registerChats,
  registerRate,
  registerReview,
  registerCompare,
  registerPrompts,
  registerCycle,
  registerStatus,
  registerRecipes,
  registerModels,
  registerBases,
  registerCatalogue,
  registerOllama,
  registerKeys,
  registerConfig,
  registerProviderKey,
  registerRoute,
  registerPrices,
  registerUsage,
  registerTransfer,
  registerImport,
  registerDatasets,
  registerLineage,
  registerForget,
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
