import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../src/config.ts';
import { type ImportDeps, importModel } from '../src/models/import.ts';
import type { OllamaClient } from '../src/models/ollama.ts';
import { exportModel } from '../src/training/export-model.ts';
import { createWarmPython } from '../src/training/warm-python.ts';
import { type MadeFamily, families, makeFamilies } from '../test/fixtures/families.ts';
import { answerOf } from '../test/fixtures/family-in-ollama.ts';
import { startOwnOllama } from './own-ollama.ts';
import type { Bench, BenchContext, Claim, Outcome } from './types.ts';

/** What was found of a family. */
interface Compared {
  family: string;
  chats: number;
  /** Prompts that Ollama renders in other words than the family's own template. */
  otherWords: number;
  /** Prompts of which Ollama makes another number of tokens than the family's own tokenizer. */
  otherTokens: number;
}

/** Chats of several turns in every family's template: what training sees is what Ollama asks. */
export const templates: Bench = {
  name: 'templates',
  kind: 'soak',
  about: 'chats of each family: the prompt that Ollama asks is the one that is trained on, token for token',
  parts: ['ollama', 'python'],
  count: 1_000,
  run,
};

async function run({ count, paths, tell, partial }: BenchContext): Promise<Outcome> {
  const { cacheDir } = loadConfig();
  mkdirSync(cacheDir, { recursive: true });
  const folder = mkdtempSync(join(cacheDir, 'soak-templates-'));
  const server = await startOwnOllama(paths.ollama ?? '', folder);
  const making = makeFamilies(paths.python ?? '', folder, count);
  const warmPython = createWarmPython({ logFile: join(folder, 'python.log') });
  const exporting = { dataDir: folder, python: () => paths.python ?? '', warmPython };
  const spec = { adapter: null, dtype: 'float16', format: 'gguf' } as const;
  const ollama = server.client;
  const toGguf = async (base: string) => (await exportModel(exporting, { base, spec })).path;
  const deps: ImportDeps = { ollama, modelPrefix: 'ratchet-', importsDir: join(folder, 'imports'), toGguf };
  const done = partial.read<Compared>().filter(({ chats }) => chats === count);
  try {
    for (const name of families) {
      if (done.some(({ family }) => family === name)) continue;
      tell(`${name}: ${count} chats`);
      const found = await compare(deps, ollama, await (making.made.get(name) ?? Promise.reject(new Error(name))));
      partial.add(found);
      done.push(found);
    }
  } finally {
    await making.stop();
    await warmPython.stop();
    await server.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  return { claims: done.flatMap(claimsOf), details: { families: done } };
}

async function compare(deps: ImportDeps, ollama: OllamaClient, made: MadeFamily): Promise<Compared> {
  const model = `ratchet-${made.family}`;
  await importModel(deps, { folder: made.model, name: model });
  const found: Compared = { family: made.family, chats: made.prompts.length, otherWords: 0, otherTokens: 0 };
  for (const { messages, text, tokens } of made.prompts) {
    const rendered = await ollama.render(model, messages);
    if (text.replace(/^(<bos>|<s>|<\|begin_of_text\|>)/, '') !== rendered) found.otherWords++;
    if ((await answerOf(ollama, model, messages, 1)).prompt !== tokens) found.otherTokens++;
  }
  return found;
}

function claimsOf({ family, chats, otherWords, otherTokens }: Compared): Claim[] {
  const none = { peer: null, ratio: null, target: '= 0' };
  return [
    { name: `${family}, ${chats} chats: in other words`, ours: otherWords, ...none, holds: otherWords === 0 },
    {
      name: `${family}, ${chats} chats: another number of tokens`,
      ours: otherTokens,
      ...none,
      holds: otherTokens === 0,
    },
  ];
}
