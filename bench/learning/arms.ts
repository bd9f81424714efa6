import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Recipe } from '../../src/core/recipe.ts';
import type { Words } from './protocol.ts';
import type { Python } from './python.ts';
import { type RatedChat, corrected, withNoise } from './rated.ts';
import { thumbed } from './thumbs.ts';
import { type Place, type Trained, defaultRecipe, scoreBase, trainOurs, trainStock } from './trained.ts';
import { type World, dealWorld } from './world.ts';

interface Setting {
  place: Place;
  world: World;
  words: Words;
  /** Every default. */
  recipe: Recipe;
}
type Measure = (setting: Setting) => Promise<Trained>;

/** How many rated chats are learned from. */
export const sizes = [50, 200, 1000] as const;
/** The share of ratings that are random, where some are. */
const noise = 0.2;
/** Stock LitGPT that is told what the base's own template is, and to learn the answers alone. */
const told = ['--data.prompt_style', 'qwen3', '--data.mask_prompt', 'true'];

/** Everything that is measured in the world of a seed; what takes longest first. */
const arms = {
  'stock 1000': stock(1000),
  'ours 1000': ours(1000),
  'stock 200': stock(200),
  'stock told 200': stock(200, told),
  'ours 200': ours(200),
  'noisy 200': ({ place, world, recipe }) =>
    trainOurs(place, world, withNoise(chatsOf(world, 200), noise, world.seed), recipe),
  'stock 50': stock(50),
  'ours 50': ours(50),
  'thumbs auto': ({ place, world, words, recipe }) => trainOurs(place, world, thumbed(world, words), recipe),
  'thumbs sft': ({ place, world, words, recipe }) =>
    trainOurs(place, world, thumbed(world, words), { ...recipe, train: { ...recipe.train, method: 'sft' } }),
  base: ({ place, world }) => scoreBase(place, world),
} satisfies Record<string, Measure>;
export type Arm = keyof typeof arms;
export const armNames = Object.keys(arms) as Arm[];

/** What came of one arm in the world of one seed. */
export interface Measured extends Trained {
  arm: Arm;
  seed: number;
}

/** What all arms of a run share. */
export interface Run {
  words: Words;
  /** Every arm has its own folder in it, for as long as it is measured. */
  folder: string;
  /** Holds converted bases and prepared tokens. */
  cache: string;
}

/** Measures one arm in the world of a seed, with a process that is free. */
export async function measure(
  { words, folder, cache }: Run,
  python: Python,
  seed: number,
  arm: Arm,
): Promise<Measured> {
  const own = join(folder, `${seed}-${arm.replaceAll(' ', '-')}`);
  const world = dealWorld(words, seed);
  const found = await arms[arm]({ place: { python, folder: own, cache }, world, words, recipe: defaultRecipe(seed) });
  rmSync(own, { recursive: true, force: true });
  return { arm, seed, ...found };
}

/** What is asked first, answered as the base does, and rated. */
function chatsOf(world: World, size: number): RatedChat[] {
  return corrected(world, size, ({ answer }) => answer);
}

function ours(size: number): Measure {
  return ({ place, world, recipe }) => trainOurs(place, world, chatsOf(world, size), recipe);
}

function stock(size: number, extra: readonly string[] = []): Measure {
  return ({ place, world }) => trainStock(place, world, chatsOf(world, size), extra);
}
