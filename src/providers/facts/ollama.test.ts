import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../core/canonical.ts';
import { createOllamaTeller } from './ollama.ts';

const { signal } = new AbortController();

function shown(capabilities: string[] | undefined, parameters = ''): JsonObject {
  return {
    ...(capabilities && { capabilities }),
    parameters,
    model_info: { 'general.architecture': 'qwen2', 'qwen2.context_length': 32_768 },
  };
}

function tellerOf(show: JsonObject, numCtx?: number) {
  const asked: string[] = [];
  let digest = 'aaa';
  let now = 0;
  const describeModel = createOllamaTeller({
    now: () => now,
    tags: async () => ({ models: [{ name: 'qwen:latest', digest, size: 1_000 }] }),
    show: async (model) => {
      asked.push(model);
      return show;
    },
    options: () => (numCtx === undefined ? {} : { num_ctx: numCtx }),
  });
  return {
    asked,
    facts: (model = 'qwen') => describeModel(model, { signal }),
    replace(next: string) {
      digest = next;
      now += 60_000;
    },
  };
}

describe('what Ollama tells', () => {
  const chats = { chat: true, stream: true, json: true };
  test.each([
    ['a plain model', ['completion'], { ...chats, tools: false, vision: false }],
    ['tools and pictures', ['completion', 'tools', 'vision', 'thinking'], { ...chats, tools: true, vision: true }],
    [
      'embeddings',
      ['embedding'],
      { chat: false, stream: false, json: false, tools: false, vision: false, embeddings: true },
    ],
    ['an old version', undefined, {}],
  ])('%s', async (_which, capabilities, abilities) => {
    expect(await tellerOf(shown(capabilities)).facts()).toEqual({ abilities, context: 32_768, size: 1_000 });
  });

  test.each([
    ['the weights', '', undefined, 32_768],
    ['the Modelfile', 'num_ctx                        2048\nstop "<|im_end|>"', undefined, 2_048],
    ['the settings before the Modelfile', 'num_ctx 2048', 8_192, 8_192],
    ['never more than the weights allow', 'num_ctx 2048', 1_000_000, 32_768],
  ])('the context in force: %s', async (_who, parameters, numCtx, context) => {
    expect(await tellerOf(shown(['completion'], parameters), numCtx).facts()).toMatchObject({ context });
  });

  test('a digest is asked about once, a new one again, and what is not there is nothing', async () => {
    const teller = tellerOf(shown(['completion']));
    await teller.facts();
    await teller.facts('qwen:latest');
    expect(teller.asked).toEqual(['qwen']);
    teller.replace('bbb');
    await teller.facts();
    expect(teller.asked).toHaveLength(2);
    expect(await teller.facts('none')).toBeNull();
  });
});
