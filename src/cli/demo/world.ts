import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../config.ts';
import type { SuiteItem } from '../../core/recipe.ts';

/** A question of the support desk. A right answer contains `expect`. */
export interface Question {
  prompt: string;
  fact: string;
  expect: string;
  answer: string;
}

/** The tiny support desk: its facts, in questions, and the house style that its raters want. */
export interface World {
  style: { description: string; opening: string; closing: string; regex: string };
  train_prompts: Question[];
  eval_prompts: Question[];
}

export const demoBase = 'tiny-support';

export async function loadWorld(): Promise<World> {
  const file = join(packageRoot, 'scripts', 'litgpt', 'tiny_base', 'world.json');
  return JSON.parse(await readFile(file, 'utf8')) as World;
}

/** What the sample raters would have answered. */
export function inHouseStyle(world: World, question: Question): string {
  return `${world.style.opening} ${question.answer} ${world.style.closing}`;
}

/** Whether the raters would leave an answer as it is. */
export function isGood(world: World, question: Question, answer: string): boolean {
  return new RegExp(world.style.regex).test(answer) && answer.toLowerCase().includes(question.expect.toLowerCase());
}

/** The unseen prompts with their checks: `compliance` with the style, `accuracy` of the fact. */
export function suiteOf(world: World): SuiteItem[] {
  return world.eval_prompts.map((question, index) => ({
    id: `${index}-${question.fact}`,
    messages: [{ role: 'user', content: question.prompt }],
    checks: [
      { kind: 'regex', metric: 'compliance', pattern: world.style.regex, flags: '' },
      { kind: 'contains', metric: 'accuracy', value: question.expect, ignore_case: true },
    ],
  }));
}
