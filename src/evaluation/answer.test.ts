import { describe, expect, test } from 'vitest';
import { RatchetError } from '../core/errors.ts';
import { type AnswerOptions, type Ask, answerPrompts } from './answer.ts';
import type { EvaluationPrompt } from './prompts.ts';

const prompts: EvaluationPrompt[] = Array.from({ length: 7 }, (_, index) => ({
  id: String(index),
  messages: [{ role: 'user', content: String(index) }],
  checks: [],
  reference: null,
}));

function options(ask: Ask, more: Partial<AnswerOptions> = {}): AnswerOptions {
  return {
    ask,
    model: 'ollama/m',
    prompts,
    seed: 5,
    maxTokens: 9,
    concurrency: 3,
    signal: new AbortController().signal,
    onAnswer: () => undefined,
    retryDelay: 1,
    ...more,
  };
}

describe('answerPrompts', () => {
  test('asks greedily with the seed, keeps the order of the prompts, and never more at once than allowed', async () => {
    let running = 0;
    let most = 0;
    const seen: number[] = [];
    const ask: Ask = async (request) => {
      expect(request).toMatchObject({ model: 'ollama/m', temperature: 0, seed: 5, max_tokens: 9 });
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5 - (seen.length % 4)));
      running--;
      return `answer ${String(request.messages[0]?.content)}`;
    };
    const answers = await answerPrompts(options(ask, { onAnswer: (done) => seen.push(done) }));
    expect(answers).toEqual(prompts.map(({ id }) => `answer ${id}`));
    expect(most).toBe(3);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('tries again what may pass', async () => {
    let calls = 0;
    const ask: Ask = async () => {
      if (++calls < 3) throw new RatchetError('RateLimited', 'slow down');
      return 'ok';
    };
    expect(await answerPrompts(options(ask, { prompts: prompts.slice(0, 1) }))).toEqual(['ok']);
    expect(calls).toBe(3);
  });

  test.each([
    ['ProviderRejected', 1],
    ['ProviderUnavailable', 4],
  ] as const)('%s ends everything after %i calls', async (code, calls) => {
    let made = 0;
    const ask: Ask = async () => {
      made++;
      throw new RatchetError(code, 'no');
    };
    await expect(answerPrompts(options(ask, { concurrency: 1 }))).rejects.toMatchObject({ code });
    expect(made).toBe(calls);
  });

  test('an abort ends it with the reason of the abort', async () => {
    const controller = new AbortController();
    const ask: Ask = (_request, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('cut')), { once: true }));
    const run = answerPrompts(options(ask, { signal: controller.signal }));
    const reason = new RatchetError('Cancelled', 'stop');
    setTimeout(() => controller.abort(reason), 5);
    await expect(run).rejects.toBe(reason);
  });
});
