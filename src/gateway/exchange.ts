import { isObject } from '../core/canonical.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import { uuidv7 } from '../store/ids.ts';
import type { Attempt, NewCompletion } from '../store/types.ts';
import { chunkOf, deepest } from './answer.ts';
import { type Asked, askInOrder } from './ask.ts';
import type { FitPlan } from './capabilities-fit.ts';
import type { Client } from './client.ts';
import { createCollector } from './collect.ts';
import type { GatewayDeps, Incoming } from './gateway.ts';
import { placesOf } from './places.ts';
import { httpStatus } from './openai-error.ts';
import { type Plan, tellLeftOut } from './policy.ts';
import type { Admission, Call, FrameWriter, Observation } from './ports.ts';
import { type Answer, type Recorder, createRecorder, storeError } from './recorder.ts';
import { type Reply, createReply } from './reply.ts';
import type { Route } from './resolve.ts';
import { depthOf } from './splice.ts';
import { clientGone, passStream } from './stream.ts';
import { type Tally, createTally } from './tally.ts';

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
  const text = await incoming.text();
  const call = await readCall(exchange, parseBody(text), text);
  tally.call = call;
  const abort = new AbortController();
  client.onGone(() => abort.abort(clientGone()));
  const planned = await parts.policy.plan(
    { asked: call.model, instead: admission.instead, unrecorded: call.unrecorded, record: principal.record },
    abort.signal,
  );
  const plan = parts.fit(planned, call, incoming.operation.kind);
  tally.record = plan.record;
  const asking = ask(exchange, call, plan, abort.signal);
  // Nothing may be answered that cannot be recorded.
  const lost = (reason: unknown): void => {
    exchange.lost = { reason };
    abort.abort(new Error('the chat could not be recorded'));
  };
  const beginning = begin(exchange, call, plan, { conversationId, lost });
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

function readCall({ incoming, parts }: Exchange, body: unknown, text: string): Call | Promise<Call> {
  const { operation, principal } = incoming;
  if (!operation.recall) return operation.read(body, text);
  return operation.recall(body, text, async (id) => {
    const record = await parts.chats.get(id);
    return record?.owner === principal.owner ? record : null;
  });
}

function ask(exchange: Exchange, call: Call, plan: Plan, signal: AbortSignal): Promise<Asked> {
  const { incoming, observation, reply, tally } = exchange;
  tally.first = plan.spared ?? plan.targets[0] ?? null;
  if (plan.spared) tally.attempts.push(sparedAttempt(plan.spared));
  const asking = askInOrder({
    operation: incoming.operation,
    call,
    targets: plan.targets,
    signal,
    headers: observation.upstreamHeaders,
    asking: (target) => (tally.target = target),
    failed: (attempt) => tally.attempts.push(attempt),
  });
  if (call.stream) reply.keepAlive(() => (exchange.begun ? replyHeaders(exchange) : null));
  return asking;
}

/** A model that was not asked, because a budget is spent, counts as one that another answered for. */
function sparedAttempt({ provider, model }: Route): Attempt {
  return { provider: provider.name, model, code: 'BudgetSpent' };
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
  if (!call.stream) return reply.whole(call.reply(whole.answer, whole.text, id), replyHeaders(exchange));
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
  reply.fail(shown, frames, { ...admission?.headers, 'x-request-id': incoming.requestId });
}

/** Settles and tells what the call was. */
function close({ admission, incoming, observation, parts, reply, tally }: Exchange): void {
  reply.stop();
  const facts = tally.facts(tally.error && !reply.begun ? httpStatus(tally.error) : reply.status);
  const { promptTokens, completionTokens, costNanos, provider, model, state } = facts;
  admission?.settle({ tokens: tally.tokens(), costNanos: costNanos ?? 0 });
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

function replyHeaders({ admission, begun, incoming, tally }: Exchange): Record<string, string> {
  const { attempts, target } = tally;
  const failed = attempts.map(({ provider, model, code }) => `${encodeURI(`${provider}/${model}`)}=${code}`);
  return {
    ...admission?.headers,
    'x-request-id': incoming.requestId,
    'x-ratchet-completion-id': begun?.id ?? '',
    'x-ratchet-provider': encodeURI(target?.provider.name ?? ''),
    'x-ratchet-model': encodeURI(target?.model ?? ''),
    ...(typeof begun?.conversationId === 'string' && { 'x-conversation-id': begun.conversationId }),
    ...(failed.length > 0 && { 'x-ratchet-attempts': failed.join(', ') }),
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
