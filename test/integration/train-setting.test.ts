import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { recipeSchema } from '../../src/core/recipe.ts';
import type { ProviderSettings } from '../../src/core/settings.ts';
import { collect } from '../../src/dataset/collect.ts';
import { type House, openHouse } from '../../src/workspace/house.ts';

let home: string;
let house: House;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'ratchet-train-'));
  house = await openHouse(loadConfig({ RATCHET_HOME: home, OPENAI_BASE_URL: 'https://models.example/v1' }));
  for (const provider of ['ollama', 'openai', 'gone']) await addRated(provider);
});
afterAll(async () => {
  await house.close();
  rmSync(home, { recursive: true });
});

/** A chat with an answer that somebody liked. */
async function addRated(provider: string): Promise<void> {
  const { chats, feedback } = house.store;
  const messages = [{ role: 'user', content: `Hello ${provider}` }];
  const asked = { owner: 'local', provider, model: 'm', envelope: {}, messages, stream: false };
  const { id } = await chats.begin(asked);
  const message = { role: 'assistant', content: 'Hello' };
  await chats.finish(id, {
    state: 'complete',
    choices: [{ index: 0, message, finishReason: 'stop', extra: {} }],
    response: {},
    promptTokens: 1,
    completionTokens: 1,
    firstTokenAt: null,
    error: null,
  });
  await feedback.add({ completionId: id, choice: 0, rater: 'local', rating: 1, source: 'api' });
}

test('an evaluation asks nobody who is elsewhere', async () => {
  const asked = house.activities.ask({ model: 'openai/m', messages: [] } as never, AbortSignal.timeout(60_000));
  await expect(asked).rejects.toThrow('openai/m is not asked: prompts of an evaluation stay on this machine.');
});

test.each<[Record<string, ProviderSettings>, number, string]>([
  [{}, 1, 'gone, openai'],
  [{ openai: { train: true } }, 2, 'gone'],
  [{ ollama: { train: false } }, 0, 'gone, ollama, openai'],
  [{ ollama: { train: false }, openai: { train: true } }, 1, 'gone, ollama'],
  [{ ollama: { locality: 'remote' }, openai: { locality: 'local' } }, 1, 'gone, ollama'],
  [{ gone: { train: true } }, 2, 'openai'],
])('a process that runs with %j collects %i of 3 and leaves out %s', async (providers, examples, withheld) => {
  writeFileSync(join(home, 'ratchet.json'), JSON.stringify({ providers }));
  // Longer than the file is believed.
  await sleep(150);
  const deps = { store: house.store, trainAllowed: house.activities.trainAllowed };
  const recipe = (least: number) => recipeSchema.parse({ name: 'r', base: 'b', build: { min_examples: least } });
  await expect(collect(deps, recipe(4))).rejects.toMatchObject({
    message: expect.stringContaining(`Rated answers of ${withheld} are left out`) as string,
  });
  if (examples > 0) expect(await collect(deps, recipe(1))).toMatchObject({ examples });
});
