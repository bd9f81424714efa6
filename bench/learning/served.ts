import { join } from 'node:path';
import { importModel } from '../../src/models/import.ts';
import { exportJob } from '../../src/training/make-job.ts';
import { startOwnOllama } from '../own-ollama.ts';
import { corrected } from './rated.ts';
import {
  type Place,
  type Scores,
  answersOf,
  base,
  defaultRecipe,
  learn,
  promptsOf,
  runJob,
  scoreOf,
} from './trained.ts';
import type { World } from './world.ts';

/** Whether what Ollama serves is what Python measured. */
export interface Served {
  /** Prompts that both answered with the same text. */
  same: number;
  prompts: number;
  python: Scores;
  ollama: Scores;
}

const prefix = 'bench-learning-';
const name = `${prefix}served`;

/** Trains on the first 200 rated chats of a world, and asks the unseen prompts in Python and through an Ollama of its own. */
export async function compareServed(place: Place, world: World, ollama: string): Promise<Served> {
  const recipe = defaultRecipe(world.seed);
  const { adapter } = await learn(
    place,
    corrected(world, 200, ({ answer }) => answer),
    recipe,
  );
  const work = join(place.folder, 'export');
  const job = exportJob({ dataDir: place.folder, base, work, key: 'export' }, recipe, adapter, 'merged');
  const { path } = await runJob<{ path: string }>(place.python, { ...job, cache: place.cache });
  const ours = await answersOf(place, world, adapter);
  const theirs = await serve(ollama, place.folder, path, promptsOf(world));
  const same = ours.filter((answer, at) => answer === theirs[at]).length;
  return { same, prompts: ours.length, python: scoreOf(world, ours), ollama: scoreOf(world, theirs) };
}

/** The answers of a merged model through an Ollama that is there for as long as this takes. */
async function serve(command: string, folder: string, model: string, prompts: readonly string[]): Promise<string[]> {
  const { url, client, stop } = await startOwnOllama(command, folder);
  try {
    const deps = { ollama: client, modelPrefix: prefix, importsDir: join(folder, 'imports') };
    await importModel(deps, { folder: model, name });
    const answers: string[] = [];
    for (const prompt of prompts) answers.push(await chat(url, prompt));
    return answers;
  } finally {
    await stop();
  }
}

async function chat(url: string, prompt: string): Promise<string> {
  const response = await fetch(`${url}/api/chat`, {
    method: 'POST',
    body: JSON.stringify({
      model: name,
      messages: [{ role: 'user', content: prompt }],
      stream: false,
      options: { temperature: 0, num_predict: 64 },
    }),
  });
  const { message } = (await response.json()) as { message: { content: string } };
  return message.content;
}
