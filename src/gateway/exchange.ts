import { setImmediate as nextTurn } from 'node:timers/promises';
import { isObject } from '../core/canonical.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import { uuidv7 } from '../store/ids.ts';
import type { NewCompletion } from '../store/types.ts';
import { chunkOf, deepest } from './answer.ts';
import { askInOrder } from './ask.ts';
import type { FitPlan } from './capabilities-fit.ts';
import type { Client } from './client.ts';
import { createCollector } from './collect.ts';
import type { GatewayDeps, Incoming } from './gateway.ts';
import { placesOf } from './places.ts';
import { httpStatus } from './openai-error.ts';
import { type Plan, tellLeftOut } from './policy.ts';
import type { Admission, AttemptFacts, Call, FrameWriter, Observation } from './ports.ts';
import { createRecall } from './recall.ts';
import { type CacheStage, cacheStage } from './caching/stage.ts';
import { type Answer, type Recorder, createRecorder, storeError } from './recorder.ts';
import { type Reply, createReply } from './reply.ts';
import type { Route } from './resolve.ts';
import { type Deadline, readDeadline } from './routing/deadline.ts';
import { answerHeaders, attemptHeaders } from './routing/headers.ts';
import type { Lane } from './routing/lane.ts';
import type { Asked } from './routing/once.ts';
import { depthOf } from './splice.ts';
import { clientGone, passStream } from './stream.ts';
import { type Tally, createTally } from './tally.ts';

type Headers = Record<string, string>;

export type Parts = Required<Omit<GatewayDeps, 'capabilities'>> & { fit: FitPlan };

/** All that belongs to one call. */
interface Exchange {
  parts: Parts;
  incoming: Incoming;
  client: Client;
  reply: Reply;
  tally: Tally;
  observation: Observation;
  admission: Admission | null;
  /** The record that was begun. */
  begun: Begun | null;
  /** Writes what a client that asked for a stream gets. */
  frames: FrameWriter | null;
  /** Why the request could not be recorded. */
  lost: { reason: unknown } | null;
  plan: Plan | null;
  /** Where the answer comes from; null before there is one. */
  lane: Lane | null;
  /** How long the caller waits. */
  deadline: Deadline | null;
  /** Ends the call at its deadline. */
  timer: NodeJS.Timeout | null;
  /** What the cache of answers says; null for calls that do not ask it. */
  cache: CacheStage | null;
}

/** A whole answer is given when its record is durable: one that comes soon is recorded together with its request. */
const holdMs = 25;

interface Begun {
  id: string;
  /** Null where nothing is kept. */
  conversationId: string | null;
}

/** Answers one call, from the limits to the last byte. */
export async function answerCall(parts: Parts, incoming: Incoming, client: Client): Promise<void> {
  const { operation, principal, requestId, traceparent } = incoming;
  const exchange: Exchange = {
    parts,
    incoming,
    client,
    reply: createReply({ client, quietMs: parts.quietMs }),
    tally: createTally({ requestId, operation, principal, prices: parts.prices }),
    observation: parts.observer.start({ requestId, traceparent }),
    admission: null,
    begun: null,
    frames: null,
    lost: null,
    plan: null,
    lane: null,
    deadline: null,
    timer: null,
    cache: null,
  };
  try {
    await converse(exchange);
  } catch (thrown) {
    refuse(exchange, asRatchetError(thrown));
  } finally {
    close(exchange);
  }
}

async function converse(exchange: Exchange): Promise<void> {
  const { parts, incoming, client, tally } = exchange;
  const { principal } = incoming;
  const admission = parts.limits.admit(principal);
  exchange.admission = admission;
  const conversationId = parseConversationId(incoming.conversationId);
  const abort = new AbortController();
  limitTime(exchange, abort);
  const text = await incoming.text();
  const call = await readCall(exchange, parseBody(text), text);
  tally.call = call;
  client.onGone(() => abort.abort(clientGone()));
  const planned = await parts.policy.plan({
    asked: call.model,
    instead: admission.instead,
    unrecorded: call.unrecorded,
    record: principal.record,
    stream: call.stream,
    tags: incoming.tags,
    envelope: call.envelope,
  });
  const fitting = parts.fit(planned, call, incoming.operation.kind);
  if (call.cacheSeconds !== undefined) exchange.cache = await cacheStage(parts.answers, principal.owner, call, fitting);
  const hit = exchange.cache?.hit ?? null;
  const plan = hit?.plan ?? fitting;
  exchange.plan = plan;
  tally.record = plan.record;
  const asking = hit ? giveAgain(exchange, hit) : ask(exchange, call, plan, abort.signal);
  // Nothing may be answered that cannot be recorded.
  const lost = (reason: unknown): void => {
    exchange.lost = { reason };
    abort.abort(new Error('the chat could not be recorded'));
  };
  // What is asked leaves with the next turn of the event loop, and the provider works on it while it is written down.
  const beginning = (hit ? Promise.resolve() : nextTurn()).then(() =>
    begin(exchange, call, plan, { conversationId: call.conversationId ?? conversationId, lost }),
  );
  beginning.catch(lost);
  const [recorded, answered] = await Promise.allSettled([beginning, asking]);
  if (recorded.status === 'rejected') throw storeError(recorded.reason);
  if (exchange.lost) throw storeError(exchange.lost.reason);
  if (answered.status === 'rejected') {
    return recordFailure(exchange, tellLeftOut(asRatchetError(answered.reason), plan));
  }
  if (answered.value.kind === 'whole') await sendWhole(exchange, call, answered.value);
  else await sendStream(exchange, call, answered.value);
}

/** Ends the call when its caller waits no longer. */
function limitTime(exchange: Exchange, abort: AbortController): void {
  const { incoming, reply } = exchange;
  if (incoming.timeout === undefined && incoming.sdkTimeout === undefined) return;
  const deadline = readDeadline(incoming.timeout, incoming.sdkTimeout);
  exchange.deadline = deadline;
  if (deadline === null) return;
  exchange.timer = setTimeout(() => {
    // A stream that has begun, if only with a sign of life, is what its library waits for.
    if (deadline.of === 'answer' || !reply.begun()) abort.abort(deadline.error);
  }, deadline.ms);
}

function readCall({ client, incoming, parts }: Exchange, body: unknown, text: string): Call | Promise<Call> {
  const { operation } = incoming;
  if (!operation.recall) return operation.read(body, text);
  const answer = (own: Incoming, listener: Client) => answerCall(parts, own, listener);
  return operation.recall(body, text, () => createRecall({ chats: parts.chats, incoming, client, answer }));
}

function ask(exchange: Exchange, call: Call, plan: Plan, signal: AbortSignal): Promise<Asked> {
  const { incoming, observation, parts, reply, tally } = exchange;
  tally.first = plan.spared ?? plan.targets[0] ?? null;
  if (plan.spared) tally.attempts.push(sparedAttempt(plan.spared));
  const asking = askInOrder({
    operation: incoming.operation,
    call,
    targets: plan.targets,
    signal,
    headers: observation.upstreamHeaders,
    lanes: parts.lanes,
    caller: tally,
    until: exchange.deadline === null ? Infinity : tally.start + exchange.deadline.ms,
    asking: tally.asks,
    failed: (attempt) => tally.attempts.push(attempt),
    answering: (lane) => (exchange.lane = lane),
    changed: (_target, options) => tally.changes(options),
  });
  if (call.stream) reply.keepAlive(() => (exchange.begun ? replyHeaders(exchange) : null));
  return asking;
}

function giveAgain({ tally }: Exchange, { plan, asked }: NonNullable<CacheStage['hit']>): Promise<Asked> {
  [tally.first = null] = plan.targets;
  tally.target = tally.first;
  return Promise.resolve(asked);
}

/** A model that was not asked, because a budget is spent, counts as one that another answered for. */
function sparedAttempt({ provider, model }: Route): AttemptFacts {
  return { provider: provider.name, model, code: 'BudgetSpent', unasked: true };
}

async function begin(
  exchange: Exchange,
  call: Call,
  { record, targets }: Plan,
  { conversationId, lost }: { conversationId: string | undefined; lost: (reason: unknown) => void },
): Promise<void> {
  const { incoming, parts, tally } = exchange;
  const { operation, principal } = incoming;
  if (record === 'none') {
    exchange.begun = { id: uuidv7(), conversationId: null };
  } else {
    const [first] = targets;
    const request: NewCompletion = {
      owner: principal.owner,
      keyId: principal.keyId,
      team: principal.team,
      provider: first?.provider.name ?? '',
      model: first?.model ?? '',
      kind: operation.kind,
      stream: call.stream,
      record,
      ...(record === 'all' ? keptOf(call) : figuresOf(call)),
      ...(conversationId !== undefined && { conversationId }),
    };
    exchange.begun = await parts.chats.begin(request, { journaled: true, ...(!call.stream && { holdMs, lost }) });
  }
  tally.completionId = exchange.begun.id;
}

function keptOf({ envelope, messages, user }: Call): Pick<NewCompletion, 'envelope' | 'messages' | 'scope'> {
  return { envelope, messages, scope: user };
}

function figuresOf({ model, stream, unrecorded }: Call): Pick<NewCompletion, 'envelope' | 'messages' | 'scope'> {
  return { envelope: { model, stream, ...(unrecorded && { store: false }) }, messages: [], scope: null };
}

async function sendWhole(exchange: Exchange, call: Call, { whole }: Asked & { kind: 'whole' }): Promise<void> {
  const { tally, reply } = exchange;
  const { choices, response } = whole;
  tally.sawFirst();
  const recorder = recorderOf(exchange, () => ({ choices, response }));
  await recorder.finish('complete').catch((error: unknown) => {
    throw storeError(error);
  });
  tally.state = 'complete';
  const id = tally.completionId ?? '';
  if (!call.stream) {
    const { costNanos } = tally.figures();
    return reply.whole(call.reply(whole.answer, whole.text, id), replyHeaders(exchange, costNanos));
  }
  // Who asked for a stream reads nothing else, whatever the provider made of it.
  reply.open(replyHeaders(exchange));
  const frames = call.frames(id, { hideUsage: false });
  const chunk = chunkOf(whole.answer);
  reply.end(frames.chunk(chunk, JSON.stringify(chunk), null) + frames.end());
}

async function sendStream(exchange: Exchange, call: Call, asked: Asked & { kind: 'stream' }): Promise<void> {
  const { client, reply, tally } = exchange;
  const collector = createCollector();
  const recorder = recorderOf(exchange, () => ({ choices: collector.choices(), response: collector.response() }));
  const frames = call.frames(tally.completionId ?? '', { hideUsage: asked.hidesUsage });
  exchange.frames = frames;
  reply.open(replyHeaders(exchange));
  tally.state = 'failed';
  const end = await passStream({
    provider: nameOf(tally),
    body: asked.answer.body,
    redact: asked.answer.redact,
    call,
    frames,
    collector,
    recorder,
    client,
    reply,
    sawFirst: tally.sawFirst,
  });
  tally.state = end.state;
  tally.error = end.error;
}

/** Records that there was no answer, and throws why. */
async function recordFailure(exchange: Exchange, reason: unknown): Promise<never> {
  const { parts, tally } = exchange;
  const error = asRatchetError(reason);
  tally.state = error.code === 'Cancelled' ? 'interrupted' : 'failed';
  const recorder = recorderOf(exchange, () => ({ choices: [], response: null }));
  await recorder.finish(tally.state, error).catch((thrown: unknown) => {
    // The sweep of open completions finds it later.
    const { code } = asRatchetError(thrown);
    parts.log.warn({ completion: tally.completionId, code }, 'the outcome of a completion could not be recorded');
  });
  throw error;
}

/** The recorder of the record that was begun; takes the figures from the answer, and measures how long the end waits. */
function recorderOf(exchange: Exchange, answer: () => Answer): Recorder {
  const { tally } = exchange;
  const recorder = tally.record === 'none' ? forgetful : keeping(exchange, tally.record, answer);
  let finishing: Promise<void> | null = null;

  async function finish(...[state, error]: Parameters<Recorder['finish']>): Promise<void> {
    const start = performance.now();
    tally.sawAnswer(answer());
    await recorder.finish(state, error);
    if (tally.record !== 'none') tally.commitMs = performance.now() - start;
    if (exchange.cache && state === 'complete') await keepAnswer(exchange);
  }

  return { touch: recorder.touch, finish: (state, error) => (finishing ??= finish(state, error)) };
}

function keeping({ parts, tally }: Exchange, record: 'all' | 'meta', answer: () => Answer): Recorder {
  const { chats, flushMs, log } = parts;
  return createRecorder({ chats, id: tally.completionId ?? '', record, answer, figures: tally.figures, log, flushMs });
}

const forgetful: Recorder = { touch: () => undefined, finish: () => Promise.resolve() };

function nameOf({ target }: Tally): string {
  return target?.provider.name ?? '';
}

/** Says what went wrong to a client that has not been told yet. */
function refuse(exchange: Exchange, error: RatchetError): void {
  const { admission, begun, incoming, parts, reply, tally } = exchange;
  tally.error = error;
  // The store's failure, since a provider's is no reason to come here once the answer is complete.
  if (tally.state === 'complete') tally.state = 'failed';
  if (error.code === 'Bug') {
    parts.log.error({ request: incoming.requestId, at: placesOf(error.cause ?? error) }, 'a call met a bug');
  }
  const kept = begun !== null && tally.record !== 'none';
  const details = { ...error.details, ...(kept && { completionId: begun.id }) };
  const shown = new RatchetError(error.code, error.message, { cause: error, details });
  const frames = exchange.frames ?? tally.call?.frames(begun?.id ?? '', { hideUsage: false }) ?? null;
  const headers = { ...admission?.headers, 'x-request-id': incoming.requestId, ...attemptHeaders(tally) };
  reply.fail(shown, frames, headers);
}

/** Only what the first model of the plan said answers the same request again: at once, for whoever has got this answer. */
async function keepAnswer({ begun, cache, tally }: Exchange): Promise<void> {
  if (!cache || cache.hit || tally.target !== tally.first || !begun) return;
  await cache.keep(begun.id);
}

/** Settles and tells what the call was. */
function close(exchange: Exchange): void {
  const { admission, incoming, observation, parts, reply, tally } = exchange;
  reply.stop();
  if (exchange.timer) clearTimeout(exchange.timer);
  const facts = tally.facts(tally.error && !reply.begun() ? httpStatus(tally.error) : reply.status());
  const { promptTokens, completionTokens, costNanos, provider, model, state } = facts;
  const tokens = tally.tokens();
  admission?.settle({ tokens, costNanos: costNanos ?? 0 });
  exchange.lane?.leave(tally, { error: tally.error, tokens, firstMs: tally.firstMs(), stream: facts.stream });
  observation.end(facts);
  if (costNanos === null && promptTokens !== null && completionTokens !== null && provider !== null && model !== null) {
    parts.prices.missed(provider, model);
  }
  if (tally.record !== 'none' || provider === null || model === null || state === 'refused') return;
  const { owner, keyId, team } = incoming.principal;
  parts.usage
    .add({
      owner,
      keyId,
      team,
      provider,
      model,
      failed: state !== 'complete',
      promptTokens: promptTokens ?? 0,
      completionTokens: completionTokens ?? 0,
      costNanos: costNanos ?? 0,
    })
    .catch((error: unknown) => {
      parts.log.warn({ request: facts.requestId, code: asRatchetError(error).code }, 'a call could not be counted');
    });
}

function replyHeaders(exchange: Exchange, costNanos?: number | null): Headers {
  const { admission, begun, cache, incoming, parts, plan, tally } = exchange;
  return {
    ...admission?.headers,
    'x-request-id': incoming.requestId,
    'x-ratchet-completion-id': begun?.id ?? '',
    ...answerHeaders(tally, plan, costNanos ?? null, parts.warning),
    ...(cache && { 'x-ratchet-cache': cache.hit ? 'hit' : 'miss' }),
    ...(typeof begun?.conversationId === 'string' && { 'x-conversation-id': begun.conversationId }),
  };
}

function parseBody(text: string): unknown {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new RatchetError('InvalidInput', 'The body is not JSON: send a JSON object.', { cause: error });
  }
  if (!isObject(body) || depthOf(text) <= deepest) return body;
  throw new RatchetError('InvalidInput', `The body is nested deeper than ${deepest} levels: send flatter JSON.`);
}

/** A conversation id as a client may send it. */
function parseConversationId(value: string | undefined): string | undefined {
  if (value === undefined || /^[\w.:-]{1,200}$/.test(value)) return value;
  throw new RatchetError('InvalidInput', 'x-conversation-id must be 1 to 200 letters, digits, ".", "_", ":" or "-".');
}
