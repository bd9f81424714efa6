import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/config.ts';
import type { Job } from '../../src/core/job.ts';
import type { Method } from '../../src/core/method.ts';
import { type Recipe, type RecipeInput, recipeSchema } from '../../src/core/recipe.ts';
import { lessonOf } from '../../src/training/lesson.ts';
import { trainJob } from '../../src/training/make-job.ts';
import { widthOf } from '../../src/training/tune.ts';
import { buildVersion } from './dataset.ts';
import type { Question } from './protocol.ts';
import type { Python } from './python.ts';
import { type RatedChat, toInstructions } from './rated.ts';
import { type World, followsStyle, isRight } from './world.ts';

export const base = join(packageRoot, 'scripts', 'litgpt', 'tiny_base', 'model');

/** Where a model of a world is trained, and by which process. */
export interface Place {
  python: Python;
  /** Of its own. */
  folder: string;
  /** Holds converted bases and prepared tokens. */
  cache: string;
}

/** Shares of the unseen prompts whose answers are as the raters want, and right. */
export interface Scores {
  compliance: number;
  facts: number;
}

export interface Trained extends Scores {
  /** How the chats were learned; null of what was not trained, or by others. */
  method: Method | null;
  /** Rows that were learned. */
  rows: number | null;
  steps: number | null;
  seconds: number;
  /** Why there is no model; it counts as one that learned nothing. */
  error: string | null;
}

/** The recipe that a user has who sets nothing: every default, with the seed of the world. */
export function defaultRecipe(seed: number, train: NonNullable<RecipeInput['train']> = {}): Recipe {
  return recipeSchema.parse({ name: 'learning', base: 'tiny-support', train: { ...train, seed, device: 'cpu' } });
}

export function scoreOf({ style, unseen }: World, answers: readonly string[]): Scores {
  const share = (holds: (question: Question, answer: string) => boolean) =>
    unseen.filter((question, at) => holds(question, answers[at] ?? '')).length / unseen.length;
  return { compliance: share((_, answer) => followsStyle(style, answer)), facts: share(isRight) };
}

/** The base as it is. */
export async function scoreBase(place: Place, world: World): Promise<Trained> {
  return {
    ...scoreOf(world, await answersOf(place, world, null)),
    method: null,
    rows: null,
    steps: null,
    seconds: 0,
    error: null,
  };
}

/** An adapter, and what it took. */
type Learned = Omit<Trained, 'compliance' | 'facts'> & { adapter: string };

/** What a cycle makes of rated chats: build, then train by the recipe. */
export async function learn(
  { python, folder, cache }: Place,
  chats: readonly RatedChat[],
  recipe: Recipe,
): Promise<Learned> {
  const { folder: version, manifest } = await buildVersion(chats, recipe, folder);
  const lesson = lessonOf(recipe, manifest, version);
  const work = join(folder, 'work');
  const made = trainJob({ dataDir: folder, base, work, key: 'train' }, recipe, lesson, {
    rows: lesson.rows,
    width: await widthOf(base),
  });
  const started = performance.now();
  const { adapter, steps } = await runJob<{ adapter: string; steps: number }>(python, { ...made, cache });
  const seconds = (performance.now() - started) / 1000;
  return { adapter, method: lesson.method.kind, rows: lesson.rows, steps, seconds, error: null };
}

/** Runs a job of ours with one thread. */
export async function runJob<T>(python: Python, job: Job): Promise<T> {
  mkdirSync(job.work, { recursive: true });
  const file = join(job.work, `${job.kind}.job.json`);
  writeFileSync(file, JSON.stringify({ ...job, lock: null, threads: 1 }));
  return (await python.ask('job', { job: file })) as T;
}

/** The answers to the unseen prompts. */
export function answersOf({ python, cache }: Place, world: World, adapter: string | null): Promise<string[]> {
  return python.ask('answer', { base, cache, adapter, prompts: promptsOf(world) });
}

/** What rated chats teach. */
export async function trainOurs(
  place: Place,
  world: World,
  chats: readonly RatedChat[],
  recipe: Recipe,
): Promise<Trained> {
  const { adapter, ...about } = await learn(place, chats, recipe);
  return { ...scoreOf(world, await answersOf(place, world, adapter)), ...about };
}

/**
 * What stock LitGPT makes of the same chats: `litgpt finetune_lora` over their learned answers as JSON, with its defaults but
 * for paths and the seed, and what else is given; then its own prompt style when it answers.
 */
export async function trainStock(
  { python, folder, cache }: Place,
  world: World,
  chats: readonly RatedChat[],
  extra: readonly string[] = [],
): Promise<Trained> {
  mkdirSync(folder, { recursive: true });
  const data = join(folder, 'chats.json');
  writeFileSync(data, JSON.stringify(toInstructions(chats)));
  const checkpoint = await python.ask('checkpoint', { base, cache });
  const out = join(folder, 'out');
  const paths = [checkpoint, '--data', 'JSON', '--data.json_path', data, '--out_dir', out];
  const started = performance.now();
  const ended = await python.ask('finetune', {
    arguments: [...paths, '--seed', String(world.seed), ...extra],
    log: join(folder, 'litgpt.log'),
  });
  const seconds = (performance.now() - started) / 1000;
  if (ended.code !== 0) {
    const untrained = await scoreBase({ python, folder, cache }, world);
    return { ...untrained, seconds, error: ended.error ?? `It ended with code ${ended.code}.` };
  }
  const final = join(out, 'final');
  const answers = await python.ask('stock_answer', { checkpoint: final, prompts: promptsOf(world) });
  return { ...scoreOf(world, answers), method: null, rows: null, steps: null, seconds, error: null };
}

export function promptsOf({ unseen }: World): string[] {
  return unseen.map(({ prompt }) => prompt);
}
