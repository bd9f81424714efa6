import { expect, test } from 'vitest';
import { RatchetError } from '../core/errors.ts';
import { recipeSchema } from '../core/recipe.ts';
import { openRatedChats } from '../dataset/fixtures/rated-chats.ts';
import type { ReplayedAnswers } from '../dataset/replay/answers.ts';
import type { AskRequest, AskWhole } from '../evaluation/answer.ts';
import { askReplay } from './replay.ts';

const prompts = Array.from({ length: 8 }, (_, at) => `prompt ${at}`);

/** A base that remembers what it was asked, and fails as it is told. */
function baseThat(fails: (asked: number) => RatchetError | null) {
  const asked: AskRequest[] = [];
  const askWhole: AskWhole = async (request) => {
    const error = fails(asked.length);
    if (error) throw error;
    asked.push(request);
    return { text: `to ${String(request.messages[0]?.content)}`, cutOff: false };
  };
  return { asked, askWhole };
}

test('an attempt after a crash, and a later cycle, ask only what is not known; another base or option is asked anew', async () => {
  await using chats = await openRatedChats();
  const { store } = chats;
  const example = { completion: 'c', choice: 0, signal: 'approved' as const, feedback: [] };
  const collection = await store.blobs.putJson({ schema: 2, examples: Array.from({ length: 20 }, () => example) });
  const ask = async (base: ReturnType<typeof baseThat>, digest: string, replay: object = {}) => {
    const reports: Record<string, unknown>[] = [];
    const recipe = recipeSchema.parse({
      name: 'r',
      base: 'b',
      build: { replay: { prompts, max_tokens: 64, ...replay } },
      evaluate: { concurrency: 1 },
    });
    const { signal } = new AbortController();
    const work = {
      recipe,
      signal,
      input: { base: 'b' },
      report: (data: Record<string, unknown>) => void reports.push(data),
    };
    const deps = { store, servedBase: async () => ({ ref: 'ollama/b', digest }), askWhole: base.askWhole };
    return { replay: await askReplay(deps, work, collection), reports };
  };

  const gone = new RatchetError('ProviderRejected', 'Ollama is gone.');
  const dying = baseThat((asked) => (asked === 3 ? gone : null));
  await expect(ask(dying, 'd1')).rejects.toBe(gone);
  const next = baseThat(() => null);
  const { replay, reports } = await ask(next, 'd1');
  expect(next.asked).toHaveLength(5);
  expect(next.asked[0]).toMatchObject({ model: 'ollama/b', temperature: 0, seed: 1, max_tokens: 64 });
  expect(reports[0]).toMatchObject({ replay: { asked: 5, known: 3 }, done: 3, total: 8 });
  expect(reports.at(-1)).toMatchObject({ done: 8, total: 8 });
  const answers = await store.blobs.getJson<ReplayedAnswers>(replay ?? '');
  expect(answers).toMatchObject({ base: { ref: 'ollama/b', digest: 'd1' }, options: { seed: 1, max_tokens: 64 } });
  const both = [...dying.asked, ...next.asked].map(({ messages }) => messages[0]?.content);
  expect(answers.rows.map(({ answer }) => answer)).toEqual(both.map((prompt) => `to ${String(prompt)}`));

  const again = baseThat(() => gone);
  expect((await ask(again, 'd1')).replay).toBe(replay);
  for (const [digest, change] of [
    ['d2', {}],
    ['d1', { seed: 2 }],
    ['d1', { max_tokens: 32 }],
  ] as const) {
    const other = baseThat(() => null);
    expect((await ask(other, digest, change)).replay).not.toBe(replay);
    expect(other.asked).toHaveLength(8);
  }
  const more = baseThat(() => null);
  await ask(more, 'd1', { prompts: [...prompts, 'one more'] });
  expect(more.asked.map(({ messages }) => messages[0]?.content)).toEqual(['one more']);
});

test('nothing is asked where nothing is replayed, and that there is no prompt is told', async () => {
  await using chats = await openRatedChats();
  const collection = await chats.store.blobs.putJson({ schema: 2, examples: [] });
  const never = baseThat(() => new RatchetError('Bug', 'It was asked.'));
  const servedBase = async () => Promise.reject(new Error('not served'));
  const deps = { store: chats.store, servedBase, askWhole: never.askWhole };
  const told: unknown[] = [];
  for (const replay of [null, { prompts: 'conversations' }]) {
    const recipe = recipeSchema.parse({ name: 'r', base: 'b', build: { replay } });
    const { signal } = new AbortController();
    const work = { recipe, signal, input: { base: 'b' }, report: (...args: unknown[]) => void told.push(args) };
    expect(await askReplay(deps, work, collection)).toBeNull();
  }
  expect(told).toEqual([[{ message: expect.stringMatching(/^There is no prompt to replay/) as string }, 'warning']]);
});
