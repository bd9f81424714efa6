import type { Attributes } from '@opentelemetry/api';
import type { CallFacts } from '../gateway/ports.ts';

type Kind = CallFacts['kind'];

const operations: Readonly<Record<Kind, string>> = {
  chat: 'chat',
  text: 'text_completion',
  responses: 'chat',
  embeddings: 'embeddings',
};

const routes: Readonly<Record<Kind, string>> = {
  chat: '/v1/chat/completions',
  text: '/v1/completions',
  responses: '/v1/responses',
  embeddings: '/v1/embeddings',
};

const longestName = 200;

/** `gen_ai.operation.name` of a call. */
export function operationName(kind: Kind): string {
  return operations[kind];
}

/** `http.route` of a call. */
export function routeOf(kind: Kind): string {
  return routes[kind];
}

/** Attributes of the question to the models, by OpenTelemetry's GenAI conventions; none of them has text in it. */
export function inferenceAttributes(facts: CallFacts): Attributes {
  return withoutNulls({
    'gen_ai.operation.name': operationName(facts.kind),
    'gen_ai.provider.name': facts.provider,
    'gen_ai.request.model': facts.model,
    'gen_ai.request.stream': facts.stream,
    'gen_ai.response.id': facts.completionId,
    'gen_ai.response.model': facts.state === 'complete' ? facts.model : null,
    'gen_ai.response.time_to_first_chunk':
      facts.stream && facts.firstTokenMs !== null ? facts.firstTokenMs / 1e3 : null,
    'gen_ai.usage.input_tokens': facts.promptTokens,
    'gen_ai.usage.output_tokens': facts.completionTokens,
    'ratchet.cost_usd': facts.costNanos === null ? null : facts.costNanos / 1e9,
  });
}

/** Attributes of the whole call. */
export function callAttributes(facts: CallFacts): Attributes {
  return withoutNulls({
    'http.request.method': 'POST',
    'http.route': routeOf(facts.kind),
    'http.response.status_code': facts.status,
    'ratchet.request_id': facts.requestId,
    'ratchet.completion_id': facts.completionId,
    'ratchet.model_asked': facts.asked.slice(0, longestName),
    'ratchet.record': facts.record,
    'ratchet.state': facts.state,
    'ratchet.fallbacks': facts.attempts.filter(({ retried }) => !retried).length,
  });
}

function withoutNulls(attributes: Record<string, string | number | boolean | null>): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null)) as Attributes;
}
