import { isLoopback } from '../../config.ts';
import { type JsonObject, isObject } from '../../core/canonical.ts';
import type { RatchetError } from '../../core/errors.ts';
import type { ProviderInstance } from '../definition.ts';
import type { VendorContext } from '../errors.ts';
import { readAnswer, translatedStream, translatedWhole } from '../translation/answer.ts';
import { refusal } from '../translation/refusal.ts';
import type { CallOptions, Endpoint, Provider, ProviderAnswer } from '../types.ts';
import { postCall } from '../wire.ts';
import { createAccess } from './access.ts';
import { completionOf } from './answer.ts';
import { notMessages, reportedError } from './errors.ts';
import { createListing } from './listing.ts';
import { type Reading, messagesRequest } from './request.ts';
import { createMessageStream } from './stream.ts';

/** Why there is no answer on these routes, and who has one. */
const elsewhere: Readonly<Record<Exclude<Endpoint, 'chat/completions'>, string>> = {
  embeddings:
    'Anthropic has no embeddings: ask another provider, such as openai/text-embedding-3-small or ollama/nomic-embed-text.',
  completions: 'Anthropic has no /v1/completions: send the prompt as a message to /v1/chat/completions.',
};

/** Anthropic's Messages API, and others that speak it. */
export function createAnthropicProvider(instance: ProviderInstance): Provider {
  const { name, definition, setUp } = instance;
  const access = createAccess(instance);
  const { context } = access;

  async function call(endpoint: Endpoint, body: string, options: CallOptions): Promise<ProviderAnswer> {
    if (endpoint !== 'chat/completions') throw refusal(elsewhere[endpoint]);
    const sent: unknown = JSON.parse(body);
    if (!isObject(sent)) throw refusal('The body must be a JSON object.');
    const { body: request, headers, reading } = messagesRequest(sent, instance.options(options.model));
    const target = access.wire('messages', { ...options, headers: { ...options.headers, ...headers } });
    const answer = await postCall(target, JSON.stringify(request));
    return translated(answer, reading, {
      ...context,
      secret: target.apiKey,
      ...(options.model && { model: options.model }),
    });
  }

  return {
    name,
    kind: definition.kind,
    locality: isLoopback(new URL(access.root).hostname) ? 'local' : 'remote',
    reportsUsage: true,
    ...(definition.facts && { facts: definition.facts }),
    setUp,
    call,
    ...createListing(access),
  };
}

async function translated(answer: ProviderAnswer, reading: Reading, context: VendorContext): Promise<ProviderAnswer> {
  const created = Math.floor(Date.now() / 1_000);
  const malformed = (problem: string, cause?: unknown): RatchetError => notMessages(problem, context, cause);
  if (reading.stream && answer.headers['content-type']?.startsWith('text/event-stream')) {
    const reported = (event: JsonObject): RatchetError => reportedError(event, context);
    return translatedStream(answer, createMessageStream({ reading, created, malformed, reported }));
  }
  const whole = completionOf(await readAnswer(answer, malformed), reading, created);
  if (!whole) throw malformed('answered without content');
  return translatedWhole(answer, whole);
}
