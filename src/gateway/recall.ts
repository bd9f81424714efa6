import { randomUUID } from 'node:crypto';
import { RatchetError } from '../core/errors.ts';
import { textOf } from '../core/message.ts';
import { listen } from './comparing/listener.ts';
import type { Client } from './client.ts';
import { createCollector } from './collect.ts';
import type { GatewayDeps, Incoming } from './gateway.ts';
import { chatOperation } from './operations/chat.ts';
import type { Recall } from './ports.ts';

export interface RecallDeps {
  chats: GatewayDeps['chats'];
  incoming: Incoming;
  client: Client;
  /** Answers a call of the gateway's own. */
  answer(incoming: Incoming, client: Client): Promise<void>;
}

/** What the caller of one request may look up. */
export function createRecall({ chats, incoming, client, answer }: RecallDeps): Recall {
  const { principal, traceparent } = incoming;
  return {
    async find(id) {
      const record = await chats.get(id);
      return record?.owner === principal.owner ? record : null;
    },
    async latest(conversationId) {
      const filter = { owner: principal.owner, conversationId, states: ['complete' as const] };
      const { items } = await chats.list(filter, { limit: 1, order: 'desc' });
      return items[0] ?? null;
    },
    async ask(model, messages) {
      const collector = createCollector();
      let failure: string | null = null;
      const listener = listen({
        begun: () => undefined,
        chunk(chunk) {
          collector.add(chunk);
          return true;
        },
        failed: ({ message }) => (failure = typeof message === 'string' ? message : 'no reason was given'),
      });
      client.onGone(() => listener.leave());
      const body = JSON.stringify({ model, messages, stream: true, store: false });
      await answer(
        {
          operation: chatOperation,
          principal,
          requestId: randomUUID(),
          traceparent,
          conversationId: undefined,
          text: () => Promise.resolve(body),
        },
        listener.client,
      );
      if (failure !== null) {
        throw new RatchetError('ProviderUnavailable', `The conversation could not be summarised: ${String(failure)}`);
      }
      return textOf(collector.choices()[0]?.message.content);
    },
  };
}
