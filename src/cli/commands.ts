import type { Command } from 'commander';

type Register = (program: Command) => void;

/** Commands that one file knows. */
export interface CommandFile {
  /** The first words of its commands. */
  words: readonly string[];
  load(): Promise<Register>;
}

/** In the order of the help. Each is loaded when it is asked for: what a process does not need costs memory while it lives. */
export const commandFiles: readonly CommandFile[] = [
  { words: ['up'], load: async () => (await import('./up.ts')).registerUp },
  { words: ['demo'], load: async () => (await import('./demo/command.ts')).registerDemo },
  { words: ['chat'], load: async () => (await import('./chat.ts')).registerChat },
  { words: ['chats'], load: async () => (await import('./chats.ts')).registerChats },
  { words: ['rate'], load: async () => (await import('./rate.ts')).registerRate },
  { words: ['review'], load: async () => (await import('./review.ts')).registerReview },
  { words: ['compare'], load: async () => (await import('./compare.ts')).registerCompare },
  { words: ['prompt'], load: async () => (await import('./prompts.ts')).registerPrompts },
  { words: ['cycle'], load: async () => (await import('./cycle.ts')).registerCycle },
  { words: ['status'], load: async () => (await import('./status.ts')).registerStatus },
  { words: ['recipes'], load: async () => (await import('./recipes.ts')).registerRecipes },
  {
    words: ['models', 'promote', 'rollback', 'promotions'],
    load: async () => (await import('./models.ts')).registerModels,
  },
  { words: ['bases'], load: async () => (await import('./bases.ts')).registerBases },
  { words: ['models'], load: async () => (await import('./catalogue/commands.ts')).registerCatalogue },
  { words: ['models'], load: async () => (await import('./ollama/commands.ts')).registerOllama },
  { words: ['api-key', 'team'], load: async () => (await import('./keys.ts')).registerKeys },
  { words: ['config'], load: async () => (await import('./config/command.ts')).registerConfig },
  { words: ['provider-key'], load: async () => (await import('./provider-key.ts')).registerProviderKey },
  { words: ['route'], load: async () => (await import('./route.ts')).registerRoute },
  { words: ['prices'], load: async () => (await import('./prices.ts')).registerPrices },
  { words: ['usage'], load: async () => (await import('./usage.ts')).registerUsage },
  { words: ['export', 'import'], load: async () => (await import('./transfer.ts')).registerTransfer },
  { words: ['import'], load: async () => (await import('./import.ts')).registerImport },
  { words: ['datasets'], load: async () => (await import('./datasets.ts')).registerDatasets },
  { words: ['lineage'], load: async () => (await import('./lineage.ts')).registerLineage },
  { words: ['forget'], load: async () => (await import('./forget.ts')).registerForget },
  { words: ['setup'], load: async () => (await import('./setup.ts')).registerSetup },
  { words: ['doctor'], load: async () => (await import('./doctor.ts')).registerDoctor },
  { words: ['api'], load: async () => (await import('./api.ts')).registerApi },
  { words: ['worker'], load: async () => (await import('./worker.ts')).registerWorker },
];

/** The files of a command; all of them for the help, and for a word that there is none of, which may be a slip. */
export function filesOf(word: string | undefined): readonly CommandFile[] {
  const found = commandFiles.filter(({ words }) => word !== undefined && words.includes(word));
  return found.length > 0 ? found : commandFiles;
}
