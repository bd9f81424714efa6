import { expect, test } from 'vitest';
import { type OpenChat, createOpenChats } from './open-chats.ts';

const chat: OpenChat = {
  journaled: false,
  tip: null,
  thread: '',
  conversation_id: 'c',
  owner: 'ada',
  key_id: null,
  team: null,
  provider: 'ollama',
  model: 'tiny',
};

test('a request that was held and could not be written is not in flight any more, and whoever ends it meanwhile is told why', async () => {
  const open = createOpenChats();
  const lost = Promise.withResolvers<unknown>();
  const writing = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  open.begun.set('a', chat);
  open.hold('a', {
    holdMs: 1,
    keys: [],
    statements: () => [],
    written: () => undefined,
    write: () => {
      begun.resolve();
      return writing.promise;
    },
    lost: lost.resolve,
  });
  await begun.promise;
  const ending = open.release('a');
  writing.reject(new Error('no space'));
  await expect(ending).rejects.toThrow('no space');
  expect(await lost.promise).toMatchObject({ message: 'no space' });
  expect(open.begun.size).toBe(0);
});
