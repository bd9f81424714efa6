import type { RecipeInput } from '../../core/recipe.ts';
import { type World, demoBase, suiteOf } from './world.ts';

/** The demo's recipe: learn the house style without losing a fact. */
export function demoRecipe(world: World): RecipeInput {
  return {
    name: 'house-style',
    base: demoBase,
    build: { val: 0.05, test: 0.1 },
    train: {
      rank: 8,
      alpha: 16,
      learning_rate: 2e-3,
      epochs: 6,
      batch_size: 16,
      micro_batch_size: 16,
      max_seq_length: 256,
      checkpoint_steps: 20,
      device: 'cpu',
    },
    evaluate: { suite: suiteOf(world), max_prompts: 240, max_tokens: 96, concurrency: 2 },
    gate: { metric: 'compliance', max_drop: 0.02 },
  };
}
