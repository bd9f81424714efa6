import type { JsonObject } from '../../src/core/canonical.ts';
import type { WireMessage } from '../../src/core/message.ts';
import type { ChoiceRecord, NewCompletion, Outcome, Store } from '../../src/store/types.ts';

export function user(content: string): WireMessage {
  return { role: 'user', content };
}

export function assistant(content: string, more: JsonObject = {}): WireMessage {
  return { role: 'assistant', content, ...more };
}

export function request(messages: WireMessage[], more: Partial<NewCompletion> = {}): NewCompletion {
  return { owner: 'ada', provider: 'ollama', model: 'tiny', envelope: {}, messages, stream: false, ...more };
}

export function choice(message: WireMessage, index = 0): ChoiceRecord {
  return { index, message, finishReason: 'stop', extra: {} };
}

export function outcome(choices: ChoiceRecord[], more: Partial<Outcome> = {}): Outcome {
  return {
    state: 'complete',
    choices,
    response: { object: 'chat.completion' },
    promptTokens: 3,
    completionTokens: 5,
    firstTokenAt: null,
    error: null,
    ...more,
  };
}

/** Records a chat's next turn and gives its ids. */
export async function chat(store: Store, messages: WireMessage[], answer: string, more: Partial<NewCompletion> = {}) {
  const begun = await store.chats.begin(request(messages, more));
  await store.chats.finish(begun.id, outcome([choice(assistant(answer))]));
  return begun;
}
