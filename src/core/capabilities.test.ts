import { expect, test } from 'vitest';
import { knowsNothing, mergeFacts } from './capabilities.ts';

test('who is named first has the word, fact by fact', () => {
  const settings = { abilities: { tools: true }, context: 100 };
  const told = { abilities: { tools: false, vision: false }, context: 200, size: 5 };
  const kind = { abilities: { embeddings: false, vision: true } };
  expect(mergeFacts([settings, null, told, undefined, kind])).toEqual({
    abilities: { tools: true, vision: false, embeddings: false },
    context: 100,
    size: 5,
  });
  expect(told).toEqual({ abilities: { tools: false, vision: false }, context: 200, size: 5 });
});

test('nothing known is nothing', () => {
  expect(knowsNothing(mergeFacts([null, { abilities: {} }]))).toBe(true);
  expect(knowsNothing({ abilities: { json: false } })).toBe(false);
  expect(knowsNothing({ abilities: {}, context: 1 })).toBe(false);
});
