import { expect, test } from 'vitest';
import { pickMethod, usable } from './method.ts';
import { recipeSchema } from './recipe.ts';

const recipe = recipeSchema.parse({ name: 'n', base: 'b' });

test.each([
  // learned, preferred, rejected
  [200, 0, 0, 'sft'],
  [200, 150, 150, 'sft'],
  [20, 49, 0, 'sft'],
  [20, 50, 0, 'dpo'],
  [60, 60, 0, 'sft'],
  [60, 61, 500, 'dpo'],
  [60, 10, 61, 'kto'],
  [20, 0, 49, 'sft'],
  // Too little to learn plainly: the recipe wants 20.
  [19, 20, 0, 'dpo'],
  [0, 1, 0, 'dpo'],
  [3, 0, 17, 'kto'],
  [0, 0, 30, 'sft'],
  [0, 0, 0, 'sft'],
])('%i learned, %i preferred and %i rejected answers are learned by %4$s', (learned, preferred, rejected, method) => {
  const choice = pickMethod(recipe, { learned, preferred, rejected });
  expect(choice.method).toBe(method);
  expect(choice.why).toContain(`${learned} answers are approved or corrected`);
});

test('a recipe that names a method gets it, whatever is known', () => {
  const named = recipeSchema.parse({ name: 'n', base: 'b', train: { method: 'kto' } });
  expect(pickMethod(named, { learned: 200, preferred: 500, rejected: 0 })).toMatchObject({ method: 'kto' });
});

test.each([
  ['sft', 5],
  ['dpo', 12],
  ['kto', 16],
] as const)('%s learns from %i of them', (method, count) => {
  expect(usable(method, { learned: 5, preferred: 7, rejected: 11 })).toBe(count);
});
