import { type JsonObject, isObject } from '../core/canonical.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import { readBody } from '../providers/http.ts';
import type { ProviderAnswer } from '../providers/types.ts';
import type { ChatStore } from '../store/types.ts';
import { choicesOf, createCollector } from './collect.ts';
import { type Answer, type GatewayLog, type Recorder, createRecorder, storeError } from './recorder.ts';
import {
  type ChatRequest,
  parseChatRequest,
  parseConversationId,
  recordedRequest,
  upstreamRequest,
} from './request.ts';
import type { Resolver, Route } from './resolve.ts';
import { streamFrames } from './stream.ts';

export interface GatewayDeps {
  chats: ChatStore;
  resolver: Resolver;
  log: GatewayLog;
  /** Least time between two writes of a stream's progress, in ms. */
  flushMs?: number;
}

export interface ChatCall {
  body: unknown;
  /** Whose API key it came with. */
  owner: string;
  conversationId?: string | undefined;
  /** Aborted when the client goes away. */
  signal: AbortSignal;
}

export interface ChatReply {
  completionId: string;
  conversationId: string;
  provider: string;
  model: string;
  /** JSON text that is recorded already, or a stream of server-sent events. */
  body: string | ReadableStream<Uint8Array>;
}

/** Answers chats and records them. */
export interface Gateway {
  readonly resolver: Resolver;
  chat(call: ChatCall): Promise<ChatReply>;
  /** Resolves when no completion is being answered or recorded; call it before the store is closed. */
  settled(): Promise<void>;
}

interface Begun {
  request: ChatRequest;
  route: Route;
  id: string;
  conversationId: string;
  /** Aborted when the client goes away. */
  client: AbortSignal;
  /** Aborting it ends the provider's call. */
  abort: AbortController;
}

const answerLimit = 64 * 2 ** 20;

/** Creates the gateway: every completion that it acknowledges is in the store. */
export function createGateway({ chats, resolver, log, flushMs = 1_000 }: GatewayDeps): Gateway {
  const open = new Set<Promise<void>>();

  function track(work: Promise<void>): void {
    open.add(work);
    void work.finally(() => open.delete(work));
  }

  function recorderFor({ request, id }: Begun, known: () => Answer): Recorder {
    const recorder = createRecorder({ chats, id, keep: request.keep, answer: known, log, flushMs });
    track(recorder.settled);
    return recorder;
  }

  async function answer(call: ChatCall): Promise<ChatReply> {
    const request = parseChatRequest(call.body);
    const conversationId = parseConversationId(call.conversationId);
    const route = await resolver.resolve(request.model, call.signal);
    const upstream = upstreamRequest(request, route);
    const abort = linkedController(call.signal);
    const owned = { owner: call.owner, ...(conversationId !== undefined && { conversationId }) };
    const beginning = chats.begin(recordedRequest(request, route, owned));
    const asking = route.provider.chat(upstream.body, {
      signal: abort.signal,
      ...(route.apiKey !== undefined && { apiKey: route.apiKey }),
    });
    // Nothing may be answered that cannot be recorded.
    beginning.catch(() => abort.abort());
    const [recorded, answered] = await Promise.allSettled([beginning, asking]);
    if (recorded.status === 'rejected') throw storeError(recorded.reason);
    const begun: Begun = { request, route, client: call.signal, abort, ...recorded.value };
    if (answered.status === 'rejected') return refuse(begun, answered.reason);
    const reply = { provider: route.provider.name, model: route.model, completionId: begun.id };
    const streams = request.stream && !isJson(answered.value);
    const body = streams ? streamed(begun, answered.value, upstream.addsUsage) : await whole(begun, answered.value);
    return { ...reply, conversationId: begun.conversationId, body };
  }

  /** Records that there was no answer, and throws why. */
  async function refuse(begun: Begun, reason: unknown, recorder?: Recorder): Promise<never> {
    const error = asRatchetError(reason);
    const writer = recorder ?? recorderFor(begun, () => ({ choices: [], response: null }));
    await writer.finish(error.code === 'Cancelled' ? 'interrupted' : 'failed', error).catch((failure: unknown) => {
      log.warn(
        { completion: begun.id, code: asRatchetError(failure).code },
        'a failed completion could not be recorded',
      );
    });
    const details = { ...error.details, completionId: begun.id };
    throw new RatchetError(error.code, error.message, { cause: error, details });
  }

  async function whole(begun: Begun, got: ProviderAnswer): Promise<string> {
    let known: Answer = { choices: [], response: null };
    const recorder = recorderFor(begun, () => known);
    const response = await readAnswer(got, begun.route.provider.name).catch((error: unknown) =>
      refuse(begun, error, recorder),
    );
    const { choices: _choices, ...fields } = response;
    const choices = choicesOf(response);
    if (!choices) return refuse(begun, noChoices(begun.route.provider.name), recorder);
    known = { choices, response: fields };
    recorder.first();
    await recorder.finish('complete').catch((error: unknown) => {
      throw storeError(error);
    });
    return JSON.stringify({ ...response, id: begun.id });
  }

  function streamed(begun: Begun, got: ProviderAnswer, hidesUsage: boolean): ReadableStream<Uint8Array> {
    const collector = createCollector();
    const recorder = recorderFor(begun, () => ({ choices: collector.choices(), response: collector.response() }));
    const gone = new AbortController();
    const frames = streamFrames({
      provider: begun.route.provider.name,
      body: got.body,
      collector,
      recorder,
      choices: begun.request.choices,
      hidesUsage,
      gone: gone.signal,
      closeUpstream: () => begun.abort.abort(),
    });
    const stop = async (): Promise<void> => {
      gone.abort();
      begun.abort.abort();
      await frames.return(undefined);
      const reason = new RatchetError('Cancelled', 'The client went away before the answer was whole.');
      await recorder.finish('interrupted', reason).catch((error: unknown) => {
        log.warn(
          { completion: begun.id, code: asRatchetError(error).code },
          'an interrupted completion was not recorded',
        );
      });
    };
    if (begun.client.aborted) void stop();
    else begun.client.addEventListener('abort', () => void stop(), { once: true });
    return toStream(frames, stop);
  }

  return {
    resolver,
    chat(call) {
      const answering = answer(call);
      track(
        answering.then(
          () => undefined,
          () => undefined,
        ),
      );
      return answering;
    },
    async settled() {
      while (open.size > 0) await Promise.all(open);
    },
  };
}

async function readAnswer(answer: ProviderAnswer, provider: string): Promise<JsonObject> {
  const text = await readBody(answer.body, answerLimit).catch((error: unknown) => {
    throw error instanceof RangeError ? unreadable(provider, error) : error;
  });
  try {
    const parsed: unknown = JSON.parse(text);
    if (isObject(parsed)) return parsed;
  } catch (error) {
    throw unreadable(provider, error);
  }
  throw unreadable(provider);
}

function isJson(answer: ProviderAnswer): boolean {
  return answer.headers['content-type']?.startsWith('application/json') ?? false;
}

function unreadable(provider: string, cause?: unknown): RatchetError {
  const message = `${provider} did not answer with a JSON object: check that it speaks the OpenAI wire format.`;
  return new RatchetError('ProviderUnavailable', message, { cause, details: { provider } });
}

function noChoices(provider: string): RatchetError {
  const message = `${provider} answered without choices: check that it speaks the OpenAI wire format.`;
  return new RatchetError('ProviderUnavailable', message, { details: { provider } });
}

function linkedController(signal: AbortSignal): AbortController {
  const controller = new AbortController();
  if (signal.aborted) controller.abort(signal.reason);
  else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  return controller;
}

/** A stream that asks for a frame only when the client took the last one. */
function toStream(frames: AsyncGenerator<string>, stop: () => Promise<void>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await frames.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      cancel: stop,
    },
    { highWaterMark: 0 },
  );
}
