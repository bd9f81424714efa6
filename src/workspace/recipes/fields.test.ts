import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { expect, test } from 'vitest';
import { recipeSchema } from '../../core/recipe.ts';
import { recipeFields, recipeJsonSchema } from './fields.ts';
import { reasons } from './reasons.ts';

test('every field has its reason, and every reason its field', () => {
  const paths = recipeFields().map(({ path }) => path);
  expect(Object.keys(reasons).sort()).toEqual([...paths].sort());
  expect(Object.values(reasons).filter((reason) => reason.trim().length < 20)).toEqual([]);
});

test('the defaults that are told are those that are in force', () => {
  const recipe: Record<string, unknown> = recipeSchema.parse({ name: 'r', base: 'b' });
  for (const { path, default: told } of recipeFields().filter((field) => 'default' in field)) {
    const value = path.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], recipe);
    expect([path, value]).toEqual([path, told]);
  }
});

// oxlint-disable-next-line typescript/no-unsafe-call -- its types know CommonJS only
const check = addFormats.default(new Ajv.default({ strict: false })).compile(JSON.parse(recipeJsonSchema()) as object);

test.each<[boolean, object]>([
  [true, { base: 'b' }],
  [true, { base: 'b', name: 'n', collect: { min_rating: null, since: '2026-01-01T00:00:00Z' }, promote: 'manual' }],
  [false, {}],
  [false, { base: 'b', train: { rank: 0 } }],
  [false, { base: 'b', train: { lr: 1 } }],
  [false, { base: 'b', more: true }],
])('editors say %s of %j', (valid, recipe) => {
  expect(check(recipe)).toBe(valid);
});
