import { describe, expect, test } from 'vitest';
import type { Tried } from '../core/cycle.ts';
import { type RecipeInput, recipeSchema } from '../core/recipe.ts';
import type { Lesson } from './lesson.ts';
import { assertComparable, combinationsOf, pickBest, recipeFor, tooLong, whyKept } from './sweep.ts';

const recipeWith = (train: RecipeInput['train']) => recipeSchema.parse({ name: 'a', base: 'b', train });
const extent = { rows: 200, width: 2000 };
/** What the width alone says. */
const tuned = 5e-4;

describe('combinations', () => {
  test.each<[string, RecipeInput['train'], [rank: number, rate: number][]]>([
    ['none without a sweep', {}, []],
    [
      'half, one and two times the rate that is tuned',
      { sweep: {} },
      [
        [16, tuned / 2],
        [16, tuned],
        [16, tuned * 2],
      ],
    ],
    [
      'the same around a rate that is given, and never above 1',
      { learning_rate: 0.6, sweep: {} },
      [
        [16, 0.3],
        [16, 0.6],
        [16, 1],
      ],
    ],
    [
      'ranks alone',
      { sweep: { learning_rates: null, ranks: [8, 4] } },
      [
        [4, tuned],
        [8, tuned],
      ],
    ],
    [
      'both, each once and in order',
      { sweep: { learning_rates: [0.01, 0.002, 0.01], ranks: [32, 8] } },
      [
        [8, 0.002],
        [8, 0.01],
        [32, 0.002],
        [32, 0.01],
      ],
    ],
  ])('%s', (_, train, expected) => {
    const found = combinationsOf(recipeWith(train), extent);
    expect(found.map(({ rank, learningRate }) => [rank, learningRate])).toEqual(expected);
  });

  test('the recipe of one differs in its rate and rank alone', () => {
    const recipe = recipeWith({ sweep: {}, epochs: 2 });
    const one = recipeFor(recipe, { rank: 4, learningRate: 0.01 });
    expect(one).toEqual({ ...recipe, train: { ...recipe.train, sweep: null, rank: 4, learning_rate: 0.01 } });
  });
});

describe('the choice', () => {
  const tried = (rank: number, learningRate: number, loss: number | null): Tried => ({ rank, learningRate, loss });

  test.each<[string, Tried[], number]>([
    ['the lowest loss', [tried(8, 0.1, 2), tried(8, 0.2, 1), tried(4, 0.1, 3)], 1],
    ['of equal losses the lower rank', [tried(16, tuned, 1), tried(8, 0.1, 1)], 1],
    ['then the rate nearest to the tuned one, as a ratio', [tried(8, tuned / 4, 1), tried(8, tuned * 3, 1)], 1],
    ['then the lower rate', [tried(8, tuned / 2, 1), tried(8, tuned * 2, 1)], 0],
    ['never one that diverged', [tried(4, tuned, null), tried(8, tuned, 9)], 1],
  ])('%s', (_, all, expected) => {
    expect(pickBest(all, tuned)).toBe(expected);
  });

  test('nothing is left where all diverged', () => {
    expect(() => pickBest([tried(8, 1, null)], tuned)).toThrow(/Every training of the sweep diverged: give lower/);
  });

  test('it says why', () => {
    const all = [tried(8, 0.1, 2), tried(8, 0.01, 1.23456), tried(8, 1, null)];
    expect(whyKept(all, 1)).toBe(
      'Of 3 trainings rank 8 at rate 0.01 has the lowest held-out loss, 1.2346, the next lowest 2.0000.',
    );
    expect(whyKept(all.slice(1, 2), 0)).toBe(
      'Of 1 trainings rank 8 at rate 0.01 has the lowest held-out loss, 1.2346.',
    );
  });
});

describe('refusals', () => {
  const none = { train: null, val: null, pairs: null, val_pairs: null, judged: null, val_judged: null };
  const sft = { kind: 'sft', replay_kl: 1 } as const;
  const dpo = { kind: 'dpo', beta: 0.1, sft_weight: 1, replay_kl: 1 } as const;
  const kto = { kind: 'kto', beta: 1, sft_weight: 3, desirable_weight: 1, undesirable_weight: 1 } as const;

  test.each<[string, Pick<Lesson, 'data' | 'method'>, RegExp | null]>([
    ['held-out chats', { data: { ...none, val: 'val.jsonl' }, method: sft }, null],
    ['held-out pairs', { data: { ...none, val_pairs: 'pairs.val.jsonl' }, method: dpo }, null],
    ['nothing held out', { data: none, method: sft }, /^No rows were held out/],
    ['kto', { data: { ...none, val_judged: 'judged.val.jsonl' }, method: kto }, /^The held-out loss of kto cannot/],
  ])('%s', (_, lesson, fault) => {
    const check = () => assertComparable(lesson);
    if (fault) expect(check).toThrow(fault);
    else check();
  });

  test.each<[number | null, number, RegExp | null]>([
    [1800, 30, null],
    [1801, 30, /^One training takes about 31 min, and a sweep takes none longer than 30: /],
    [null, 30, null],
  ])('%s s where %s min are the most', (seconds, max_minutes, fault) => {
    const found = tooLong(seconds, recipeWith({ sweep: { max_minutes } }));
    if (fault) expect(found).toMatch(fault);
    else expect(found).toBeNull();
  });

  test.each<[string, object, RegExp]>([
    ['more than twelve', { train: { sweep: { ranks: [1, 2, 3, 4, 5] } } }, /these are 15 trainings and 12 is the most/],
    ['ranks of all weights', { train: { tuning: 'full', sweep: { ranks: [8] } } }, /there are no ranks/],
    ['kto', { train: { method: 'kto', sweep: {} } }, /of kto cannot be compared/],
    ['no held-out share', { build: { val: 0 }, train: { sweep: {} } }, /set build\.val above 0/],
  ])('a recipe is refused for %s', (_, change, fault) => {
    const parsed = recipeSchema.safeParse({ name: 'a', base: 'b', ...change });
    expect(parsed.error?.issues).toMatchObject([{ path: ['train', 'sweep'], message: expect.stringMatching(fault) }]);
  });
});
