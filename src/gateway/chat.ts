import type { ChatStore } from '../store/types.ts';
import { type GatewayLog, type Recorder, createRecorder, storeError } from './recorder.ts';
import { type Begun, isWhole, refuse, streamReply, wholeReply } from './reply.ts';
import { parseChatRequest, parseConversationId, recordedRequest, upstreamRequest } from './request.ts';
import type { Resolver } from './resolve.ts';

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

/** Creates the gateway: every completion that it acknowledges is in the store. */
export function createGateway({ chats, resolver, log, flushMs = 1_000 }: GatewayDeps): Gateway {
  const open = new Set<Promise<unknown>>();

  function track(work: Promise<unknown>): void {
    const ended = work.catch(() => undefined).finally(() => open.delete(ended));
    open.add(ended);
  }

  function recorderFor(id: string, keep: 'all' | 'meta'): Begun['record'] {
    return (answer): Recorder => {
      const recorder = createRecorder({ chats, id, keep, answer, log, flushMs });
      track(recorder.settled);
      return recorder;
    };
  }

  async function answer(call: ChatCall): Promise<ChatReply> {
    const request = parseChatRequest(call.body);
    const conversationId = parseConversationId(call.conversationId);
    const route = await resolver.resolve(request.model, call.signal);
    const upstream = upstreamRequest(request, route);
    const abort = linkedController(call.signal);
    const owned = { owner: call.owner, ...(conversationId !== undefined && { conversationId }) };
    const beginning = chats.begin(recordedRequest(request, route, owned));
    // Nothing may be answered that cannot be recorded.
    beginning.catch(() => abort.abort());
    const asking = route.provider.chat(upstream.body, {
      signal: abort.signal,
      ...(route.apiKey !== undefined && { apiKey: route.apiKey }),
    });
    const [recorded, answered] = await Promise.allSettled([beginning, asking]);
    if (recorded.status === 'rejected') throw storeError(recorded.reason);
    const record = recorderFor(recorded.value.id, request.keep);
    const begun: Begun = { request, route, client: call.signal, abort, log, record, ...recorded.value };
    if (answered.status === 'rejected') return refuse(begun, answered.reason);
    const streams = request.stream && !isWhole(answered.value);
    return {
      completionId: begun.id,
      conversationId: begun.conversationId,
      provider: route.provider.name,
      model: route.model,
      body: streams ? streamReply(begun, answered.value, upstream.addsUsage) : await wholeReply(begun, answered.value),
    };
  }

  return {
    resolver,
    chat(call) {
      const answering = answer(call);
      track(answering);
      return answering;
    },
    async settled() {
      while (open.size > 0) await Promise.all(open);
    },
  };
}

function linkedController(signal: AbortSignal): AbortController {
  const controller = new AbortController();
  if (signal.aborted) controller.abort(signal.reason);
  else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  return controller;
}
