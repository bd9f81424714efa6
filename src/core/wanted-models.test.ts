import { expect, test } from 'vitest';
import { parseSettings } from './settings.ts';
import { wantedModels } from './wanted-models.ts';

test('every model that somebody relies on, each once, with where it is named', () => {
  const file = {
    routes: {
      work: { model: 'active', deployments: [{ model: 'vllm/a' }], fallback: ['ollama/b', 'groq/c'] },
      play: { model: 'ollama/b', fallback: [] },
    },
    aliases: { fast: 'groq/c', slow: 'groq/d' },
    routing: { fallback: ['ollama/e'], force: 'ollama/f' },
  };
  expect(wantedModels(parseSettings(JSON.stringify(file), 'ratchet.json'), 'ollama/b')).toEqual([
    { ref: 'ollama/b', by: 'the selection' },
    { ref: 'vllm/a', by: 'the route "work"' },
    { ref: 'groq/c', by: 'the route "work"' },
    { ref: 'groq/d', by: 'the alias "slow"' },
    { ref: 'ollama/e', by: 'routing.fallback' },
    { ref: 'ollama/f', by: 'routing.force' },
  ]);
  expect(wantedModels(parseSettings('{"routing":{"force":"ollama"}}', 'ratchet.json'), null)).toEqual([]);
});
