import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Recipe, recipeSchema } from '../core/recipe.ts';
import { loadPrompts } from './prompts.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-prompts-'));
});
afterAll(() => rm(folder, { recursive: true }));

function row(id: string, answer: string): string {
  const messages = [
    { role: 'user', content: `q ${id}` },
    { role: 'assistant', content: answer, ...(answer === '' && { tool_calls: [{ id: 'call' }] }) },
  ];
  const meta = { completion: id, choice: 0, signal: 'approved', author: 'm', node: id };
  return `${JSON.stringify({ id, messages, learn: [1], meta })}\n`;
}

async function splitsWith(test: string, val: string): Promise<void> {
  await writeFile(join(folder, 'test.jsonl'), test);
  await writeFile(join(folder, 'val.jsonl'), val);
}

function settings(change: object = {}): Recipe['evaluate'] {
  return recipeSchema.parse({ name: 'r', base: 'b', evaluate: change }).evaluate;
}

describe('loadPrompts', () => {
  test('asks the test split for the learned answers, but none that is a tool call only', async () => {
    await splitsWith(row('a', 'one\u2028more') + row('b', ''), row('c', 'three'));
    expect(await loadPrompts(settings(), folder)).toEqual({
      source: 'test',
      prompts: [{ id: 'a', messages: [{ role: 'user', content: 'q a' }], checks: [], reference: 'one\u2028more' }],
    });
  });

  test('takes the validation split when the test split is empty, and says so when both are', async () => {
    await splitsWith('', row('c', 'three'));
    expect((await loadPrompts(settings(), folder)).prompts.map(({ id }) => id)).toEqual(['c']);
    await splitsWith('', '');
    await expect(loadPrompts(settings(), folder)).rejects.toMatchObject({ code: 'NotEnoughData' });
    await expect(loadPrompts(settings(), join(folder, 'none'))).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('cuts to the same prompts every time, wherever they stand in the file', async () => {
    const rows = Array.from({ length: 40 }, (_, index) => row(`r${index}`, 'x'));
    await splitsWith(rows.join(''), '');
    const chosen = (await loadPrompts(settings({ max_prompts: 10 }), folder)).prompts.map(({ id }) => id);
    await splitsWith(rows.reverse().join(''), '');
    const turned = (await loadPrompts(settings({ max_prompts: 10 }), folder)).prompts.map(({ id }) => id);
    expect(chosen).toHaveLength(10);
    expect(turned.reverse()).toEqual(chosen);
  });

  test('prefers the suite of the recipe', async () => {
    const checks = [{ kind: 'contains', metric: 'm', value: 'x' }];
    const suite = [{ id: 's', messages: [{ role: 'user', content: 'q' }], checks }];
    const set = await loadPrompts(settings({ suite }), join(folder, 'none'));
    expect(set).toMatchObject({ source: 'suite', prompts: [{ id: 's', reference: null, checks }] });
  });
});
