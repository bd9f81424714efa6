import type { Logger } from 'pino';
import { comparisonRoutes } from '../api/comparisons.ts';
import type { Routes } from '../api/context.ts';
import { promptRoutes } from '../api/prompts.ts';
import type { AddFeedback } from '../feedback/add.ts';
import { type AnswerCache, createAnswerCache } from '../gateway/caching/cache.ts';
import { createExtendedChat } from '../gateway/extending/operation.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { operations } from '../gateway/operations/all.ts';
import type { Operation } from '../gateway/ports.ts';
import type { Store } from '../store/types.ts';

/** What chats can do beside OpenAI's own: templates, memory, answers that are given again, comparisons. */
export interface ChatExtras {
  operations: readonly Operation[];
  routes: readonly Routes[];
}

/** The operations of `/v1` with the fields of ours, and the resources that belong to them. */
export function openChatExtras(store: Store, gateway: Gateway, addFeedback: AddFeedback): ChatExtras {
  const chat = createExtendedChat({ prompts: store.prompts, contextOf: (model) => contextOf(gateway, model) });
  return {
    operations: [chat, ...operations.filter(({ kind }) => kind !== chat.kind)],
    routes: [promptRoutes(store), comparisonRoutes({ ...store, gateway, operation: chat, addFeedback })],
  };
}

/** The answers of the record that may be given again. */
export function openAnswers({ answerCache, chats }: Store, log: Logger): AnswerCache {
  return createAnswerCache({ cache: answerCache, chats, log });
}

/** The context of the model that a name means, as far as it is known without asking anybody. */
function contextOf({ capabilities, resolver }: Gateway, model: string): number | null {
  try {
    const target = resolver.find(model);
    return (target && capabilities?.facts(target.provider, target.model).context) ?? null;
  } catch {
    // Said when the model is asked.
    return null;
  }
}
