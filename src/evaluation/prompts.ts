import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '../core/canonical.ts';
import type { DatasetRow } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import { type WireMessage, textOf } from '../core/message.ts';
import type { Check, Recipe } from '../core/recipe.ts';
import { linesOf } from '../store/lines.ts';

/** One thing to ask, and what its answer is scored by: checks, or the answer that a person approved or wrote. */
export interface EvaluationPrompt {
  id: string;
  messages: WireMessage[];
  tools?: JsonObject[];
  checks: Check[];
  reference: string | null;
}

export interface PromptSet {
  source: 'suite' | 'test';
  prompts: EvaluationPrompt[];
}

/**
 * The prompts of an evaluation: the recipe's suite, else the dataset's test split, else its validation split when the test
 * split is empty. More than `max_prompts` are cut to the same ones every time, by a hash of their ids.
 *
 * Throws NotEnoughData when there is nothing to ask.
 */
export async function loadPrompts(evaluate: Recipe['evaluate'], datasetFolder: string): Promise<PromptSet> {
  if (evaluate.suite) {
    const prompts = evaluate.suite.map(({ id, messages, checks }) => ({
      id,
      messages: messages as WireMessage[],
      checks,
      reference: null,
    }));
    return { source: 'suite', prompts: cap(prompts, evaluate.max_prompts) };
  }
  for (const split of ['test', 'val']) {
    const prompts = await readSplit(join(datasetFolder, `${split}.jsonl`));
    if (prompts.length > 0) return { source: 'test', prompts: cap(prompts, evaluate.max_prompts) };
  }
  throw new RatchetError(
    'NotEnoughData',
    'The dataset has no test rows to ask: collect more, raise build.test, or give the recipe an evaluate.suite.',
  );
}

async function readSplit(path: string): Promise<EvaluationPrompt[]> {
  await stat(path).catch((cause: unknown) => {
    throw new RatchetError('NotFound', `The dataset file ${path} is gone: build the dataset again.`, { cause });
  });
  const prompts: EvaluationPrompt[] = [];
  for await (const line of linesOf(path)) {
    const prompt = line === '' ? null : toPrompt(JSON.parse(line) as DatasetRow);
    if (prompt) prompts.push(prompt);
  }
  return prompts;
}

/** Null for an answer that is a tool call only: likeness compares texts. */
function toPrompt(row: DatasetRow): EvaluationPrompt | null {
  const reference = textOf(row.messages.at(-1)?.content).trim();
  if (reference === '') return null;
  return {
    id: row.id,
    messages: row.messages.slice(0, -1),
    ...(row.tools && { tools: row.tools }),
    checks: [],
    reference,
  };
}

function cap(prompts: readonly EvaluationPrompt[], limit: number): EvaluationPrompt[] {
  if (prompts.length <= limit) return [...prompts];
  const ranked = prompts.map((prompt) => ({ prompt, rank: createHash('sha256').update(prompt.id).digest('hex') }));
  ranked.sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0));
  const chosen = new Set(ranked.slice(0, limit).map(({ prompt }) => prompt));
  return prompts.filter((prompt) => chosen.has(prompt));
}
