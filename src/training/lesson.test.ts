import { expect, test } from 'vitest';
import type { DatasetManifest } from '../core/dataset.ts';
import { type RecipeInput, recipeSchema } from '../core/recipe.ts';
import { lessonOf } from './lesson.ts';

const figures = (rows: number) => ({ rows, digest: 'd', bytes: rows });

function manifest(signals: Record<string, number>, files: Record<string, number>): DatasetManifest {
  const of = (name: string) => figures(files[name] ?? 0);
  return {
    schema: 2,
    name: 'n',
    digest: 'd',
    recipe: 'r',
    collection: 'c',
    splits: { train: of('train.jsonl'), val: of('val.jsonl'), test: of('test.jsonl') },
    files: Object.fromEntries(Object.keys(files).map((name) => [name, of(name)])),
    signals,
    stages: [],
  };
}

const recipe = (train: RecipeInput['train'] = {}) => recipeSchema.parse({ name: 'n', base: 'b', train });
const corrected = manifest(
  { corrected: 60 },
  { 'train.jsonl': 50, 'pairs.train.jsonl': 50, 'judged.train.jsonl': 100, 'judged.val.jsonl': 4 },
);

test('corrections are said again, and files without rows are left out', () => {
  expect(lessonOf(recipe(), corrected, '/v')).toMatchObject({
    method: { kind: 'sft', replay_kl: 1 },
    data: { train: '/v/train.jsonl', val: null, pairs: null, judged: null },
    why: expect.stringContaining('60 answers are approved or corrected'),
  });
});

test('preferences alone are learned as pairs', () => {
  const preferred = manifest({ preferred: 30 }, { 'pairs.train.jsonl': 25, 'pairs.val.jsonl': 5 });
  expect(lessonOf(recipe(), preferred, '/v')).toMatchObject({
    method: { kind: 'dpo', beta: 0.1, sft_weight: 1, replay_kl: 1 },
    data: { train: null, pairs: '/v/pairs.train.jsonl', val_pairs: '/v/pairs.val.jsonl', judged: null },
  });
});

test('a recipe that names kto learns judged answers only', () => {
  expect(lessonOf(recipe({ method: 'kto', beta: 0.2 }), corrected, '/v')).toMatchObject({
    method: { kind: 'kto', beta: 0.2, desirable_weight: 1, undesirable_weight: 1, sft_weight: 3 },
    data: { train: null, pairs: null, judged: '/v/judged.train.jsonl', val_judged: '/v/judged.val.jsonl' },
  });
});

test.each([
  [{ approved: 45, rejected: 255 }, 5.67],
  [{ approved: 1, rejected: 400 }, 10],
  [{ approved: 90, rejected: 10 }, 1],
])('of %j a good answer counts %f times in kto', (signals, desirable_weight) => {
  const rated = manifest(signals, { 'judged.train.jsonl': 80 });
  expect(lessonOf(recipe({ method: 'kto' }), rated, '/v').method).toMatchObject({ beta: 1, desirable_weight });
});

test.each(['sft', 'dpo', 'kto'] as const)('%s of a version that has nothing for it says what to do', (method) => {
  const nothing = manifest({}, {});
  expect(() => lessonOf(recipe({ method }), nothing, '/v')).toThrow(/The dataset has no .*set train\.method to auto/);
});
