import { expect, test } from 'vitest';
import { recipeSchema } from '../core/recipe.ts';
import { tune } from './tune.ts';

const { train } = recipeSchema.parse({ name: 'a', base: 'b' });

test.each([
  // rows, batch, epochs
  [16, 4, 10],
  [40, 4, 6],
  [100, 8, 5],
  [160, 16, 6],
  [800, 16, 3],
  [5_000, 16, 3],
  [5_001, 16, 1],
  [0, 4, 10],
])('%i rows are learned in batches of %i for %i epochs', (rows, batch_size, epochs) => {
  expect(tune(train, { rows, width: 896 })).toMatchObject({ batch_size, epochs });
});

test.each([
  [128, 1.98e-3],
  [896, 7.47e-4],
  [4096, 3.49e-4],
  [null, 5e-4],
])('a base that is %s wide learns at %f', (width, learning_rate) => {
  expect(tune(train, { rows: 100, width }).learning_rate).toBe(learning_rate);
});

test('what the recipe says stands, and the epochs go by its batch', () => {
  const said = { learning_rate: 1e-5, epochs: 7, batch_size: 2 } as const;
  expect(tune({ ...train, ...said }, { rows: 800, width: 128 })).toEqual({ ...train, ...said });
  expect(tune({ ...train, batch_size: 32 }, { rows: 200, width: 128 }).epochs).toBe(9);
});
