import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/types.ts';
import { type AddFeedback, type FeedbackInput, createAddFeedback } from './add.ts';

let dataDir: string;
let store: Store;
let add: AddFeedback;
let done: string;
let open: string;
const from = { rater: 'local', owner: 'local', source: 'api' };
const request = {
  owner: 'local',
  provider: 'p',
  model: 'm',
  envelope: {},
  messages: [{ role: 'user', content: 'Hi' }],
  stream: false,
};

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ratchet-feedback-'));
  store = await openStore({ dataDir });
  add = createAddFeedback(store);
  done = (await store.chats.begin(request)).id;
  open = (await store.chats.begin(request)).id;
  await store.chats.finish(done, {
    state: 'complete',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finishReason: 'stop', extra: {} }],
    response: null,
    promptTokens: null,
    completionTokens: null,
    firstTokenAt: null,
    error: null,
  });
});
afterAll(async () => {
  await store.close();
  await rm(dataDir, { recursive: true });
});

describe('addFeedback', () => {
  test.each<[Omit<FeedbackInput, 'completionId'>, object]>([
    [{ rating: 1 }, { choice: 0, rating: 1 }],
    [{ score: 0 }, { score: 0 }],
    [
      { comment: 'ok', tags: [' a ', 'a', 'b'] },
      { comment: 'ok', tags: ['a', 'b'] },
    ],
    [{ correction: 'Hello!' }, { correction: { role: 'assistant', content: 'Hello!' } }],
    [{ rating: -1, correction: { role: 'assistant', content: null, tool_calls: [{ id: 'a' }] } }, { rating: -1 }],
  ])('takes %j', async (input, expected) => {
    const record = await add({ completionId: done, ...input }, from);
    expect(record).toMatchObject({ completionId: done, rater: 'local', source: 'api', ...expected });
    expect(await store.feedback.ofCompletions([done])).toContainEqual(record);
  });

  test.each<[Omit<FeedbackInput, 'completionId'>, string, RegExp]>([
    [{}, 'InvalidInput', /at least one/],
    [{ tags: ['a'] }, 'InvalidInput', /at least one/],
    [{ rating: 0 }, 'InvalidInput', /1 or -1/],
    [{ score: 1.1 }, 'InvalidInput', /0 to 1/],
    [{ score: Number.NaN }, 'InvalidInput', /0 to 1/],
    [{ comment: ' ' }, 'InvalidInput', /comment|Comment/],
    [{ comment: 'x'.repeat(10_001) }, 'InvalidInput', /10000/],
    [{ rating: 1, tags: [''] }, 'InvalidInput', /Tags/],
    [{ rating: 1, choice: -1 }, 'InvalidInput', /Choice/],
    [{ rating: 1, choice: 1 }, 'NotFound', /choice/],
    [{ correction: 'x', choice: 3 }, 'NotFound', /no choice 3/],
    [{ correction: ' ' }, 'InvalidInput', /content or tool calls/],
    [{ correction: { role: 'user', content: 'x' } }, 'InvalidInput', /role "assistant"/],
    [{ correction: ' Hello\n' }, 'InvalidInput', /same as the answer/],
    [
      { correction: { role: 'assistant', content: [{ type: 'text', text: 'Hello' }], reasoning: 'x' } },
      'InvalidInput',
      /same/,
    ],
  ])('refuses %j', async (input, code, message) => {
    const adding = add({ completionId: done, ...input }, from);
    await expect(adding).rejects.toMatchObject({ code });
    await expect(adding).rejects.toThrow(message);
  });

  test("refuses what is not there, not whole, or not the rater's", async () => {
    await expect(add({ completionId: 'none', rating: 1 }, from)).rejects.toMatchObject({ code: 'NotFound' });
    await expect(add({ completionId: open, rating: 1 }, from)).rejects.toMatchObject({ code: 'Conflict' });
    const other = { rater: 'other', owner: 'other', source: 'api' };
    await expect(add({ completionId: done, rating: 1 }, other)).rejects.toMatchObject({ code: 'NotFound' });
  });
});
