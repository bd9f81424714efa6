import { randomUUID } from 'node:crypto';
import type { Principal } from '../../core/access.ts';
import type { JsonObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import { uuidv7 } from '../../store/ids.ts';
import type { ChoiceRecord, ComparisonRecord, ComparisonStore } from '../../store/types.ts';
import { createCollector } from '../collect.ts';
import type { Gateway } from '../gateway.ts';
import { chatOperation } from '../operations/chat.ts';
import type { Operation } from '../ports.ts';
import { type Listener, listen } from './listener.ts';

/** One of the models that are asked: its name, and fields of the request that are different for it. */
export interface Contestant {
  model: string;
  fields: JsonObject;
}

export interface CompareRequest {
  principal: Principal;
  contestants: readonly Contestant[];
  /** The chat request that all get, without `model`. */
  body: JsonObject;
  /** Goes on with this conversation; a new one unless given. */
  conversationId?: string;
  /** Whether the models' names are kept back until somebody has chosen. */
  blind: boolean;
  traceparent: string | undefined;
}

/** How one model did. */
export interface Answered {
  index: number;
  model: string;
  completionId: string | null;
  choices: ChoiceRecord[];
  usage: JsonObject | null;
  /** The error as OpenAI's clients get it; null when there is none. */
  error: JsonObject | null;
  /** From the start, in ms; null when nothing came. */
  firstTokenMs: number | null;
  durationMs: number;
}

/** Sees the answers grow. */
export interface Audience {
  /** False when it does not keep up; it calls what `onDrain` got when it does again. */
  chunk(index: number, chunk: JsonObject): boolean;
  done(answer: Answered): void;
  onDrain(callback: () => void): void;
  /** Told when nobody listens any more. */
  onGone(callback: () => void): void;
}

export interface CompareDeps {
  gateway: Gateway;
  /** How each is asked; a plain chat completion unless given. */
  operation?: Operation;
  comparisons: Pick<ComparisonStore, 'add' | 'openConversation'>;
}

/** Most models that are asked side by side. */
export const mostContestants = 8;

/**
 * Asks several models the same at once. Each answer is a completion of its own in one conversation, a sibling of the others,
 * so that choosing one is a preference. Resolves when all are over and the comparison is on record.
 */
export async function compare(
  { gateway, comparisons, operation = chatOperation }: CompareDeps,
  request: CompareRequest,
  audience: Audience,
): Promise<{ comparison: ComparisonRecord; answers: Answered[] }> {
  const { contestants, principal, blind } = request;
  if (contestants.length < 2 || contestants.length > mostContestants) {
    throw new RatchetError('InvalidInput', `A comparison has 2 to ${mostContestants} models: name that many.`, {
      details: { param: 'models' },
    });
  }
  const id = uuidv7();
  const conversationId = request.conversationId ?? (await comparisons.openConversation(principal.owner));
  const answers = await Promise.all(
    contestants.map((contestant, index) =>
      askOne(gateway, { ...request, conversationId, operation }, { contestant, index }, audience),
    ),
  );
  const comparison = await comparisons.add({
    id,
    owner: principal.owner,
    conversationId,
    blind,
    answers: answers.map(({ model, completionId, choices }) => ({
      model,
      completionId,
      answered: completionId !== null && choices.length > 0,
    })),
  });
  return { comparison, answers };
}

interface Turn {
  contestant: Contestant;
  index: number;
}

async function askOne(
  gateway: Gateway,
  { body, principal, conversationId, operation, traceparent }: CompareRequest & { operation: Operation },
  { contestant, index }: Turn,
  audience: Audience,
): Promise<Answered> {
  const { model, fields } = contestant;
  const started = performance.now();
  const since = (): number => Math.round(performance.now() - started);
  const collector = createCollector();
  let completionId: string | null = null;
  let error: JsonObject | null = null;
  let firstTokenMs: number | null = null;
  const listener: Listener = listen({
    begun: (id) => (completionId = id),
    chunk(chunk) {
      collector.add(chunk);
      if (collector.started()) firstTokenMs ??= since();
      return audience.chunk(index, chunk);
    },
    failed: (reason) => (error = reason),
  });
  audience.onGone(() => listener.leave());
  audience.onDrain(() => listener.drained());
  const asked = { ...body, ...fields, model, stream: true, stream_options: { include_usage: true } };
  await gateway.answer(
    {
      operation,
      principal,
      requestId: randomUUID(),
      traceparent,
      conversationId,
      text: () => Promise.resolve(JSON.stringify(asked)),
    },
    listener.client,
  );
  const usage = collector.response()?.usage;
  const answer: Answered = {
    index,
    model,
    completionId,
    choices: collector.choices(),
    usage: typeof usage === 'object' && usage !== null && !Array.isArray(usage) ? usage : null,
    error,
    firstTokenMs,
    durationMs: since(),
  };
  audience.done(answer);
  return answer;
}
