import { expect, test } from 'vitest';
import type { JsonObject } from './canonical.ts';
import { choicesOf } from './choices.ts';

test.each<[JsonObject, number | null]>([
  [{ choices: [{ message: { role: 'assistant', content: 'a' } }, { message: { content: 'b' } }] }, 2],
  [{ choices: [] }, 0],
  [{ choices: [{ text: 'a' }] }, null],
  [{ choices: 'no' }, null],
])('choicesOf %j', (answer, count) => {
  expect(choicesOf(answer)?.length ?? null).toBe(count);
});
