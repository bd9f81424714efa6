import { describe, expect, test } from 'vitest';
import { applyPatch, nameSchema, recipeSchema } from './recipe.ts';

const minimal = { name: 'house-style', base: 'tiny-support' };

describe('recipeSchema', () => {
  test('a name and a base are a recipe', () => {
    const recipe = recipeSchema.parse(minimal);
    expect(recipe.train).toMatchObject({ rank: 16, epochs: 'auto', schedule: 'cosine', restart: false });
    expect(recipe.build).toMatchObject({ val: 0.1, test: 0.1, min_examples: 20 });
    expect(recipe.promote).toBe('auto');
  });

  test('names every bad value at once, unknown ones too', () => {
    const parsed = recipeSchema.safeParse({ name: '-x', base: 'b', train: { rank: 0, lr: 1 }, gate: { alpha: 2 } });
    const paths = parsed.error?.issues.map((issue) => issue.path.join('.')).sort();
    expect(paths).toEqual(['gate.alpha', 'name', 'train', 'train.rank']);
  });
});

describe('the metric that decides', () => {
  const item = (metric: string) => ({
    id: metric,
    messages: [{ role: 'user', content: 'x' }],
    checks: [{ kind: 'contains' as const, metric, value: 'y' }],
  });
  const recipe = (metric: string | null, ...metrics: string[]) =>
    recipeSchema.safeParse({ ...minimal, evaluate: { suite: metrics.map(item) }, gate: { metric } }).success;

  test.each<[boolean, string | null, ...string[]]>([
    [true, 'style', 'style', 'facts'],
    [true, null, 'style'],
    [false, null, 'style', 'facts'],
    [false, 'stile', 'style'],
  ])('%s: %j of %j', (taken, metric, ...metrics) => {
    expect(recipe(metric, ...metrics)).toBe(taken);
  });
});

test.each([
  ['tiny-support', true],
  ['qwen2.5', true],
  ['a', true],
  ['', false],
  ['A', false],
  ['a/b', false],
  ['a..b', false],
  ['.hidden', false],
  ['trailing-', false],
  ['x'.repeat(65), false],
])('the name %j is taken: %s', (name, taken) => {
  expect(nameSchema.safeParse(name).success).toBe(taken);
});

describe('applyPatch', () => {
  const recipe = recipeSchema.parse({ ...minimal, train: { rank: 8, epochs: 5 } });

  test('changes what it names and keeps everything else', () => {
    const patched = applyPatch(recipe, { train: { learning_rate: 1e-4 }, promote: 'manual' });
    expect(patched).toEqual({ ...recipe, train: { ...recipe.train, learning_rate: 1e-4 }, promote: 'manual' });
  });

  test.each([{ train: { learning_rate: -1 } }, { train: { nonsense: 1 } }, { name: 'other' }, { base: 'other' }, []])(
    'refuses %j',
    (patch) => {
      expect(() => applyPatch(recipe, patch)).toThrow();
    },
  );
});
