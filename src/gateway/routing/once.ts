import type { JsonObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import type { ProviderAnswer } from '../../providers/types.ts';
import { type WholeAnswer, isWhole, readWhole } from '../answer.ts';
import type { Call, Operation } from '../ports.ts';
import type { Route } from '../resolve.ts';
import { begun } from './begun.ts';

/**
 * What a provider gave: a stream whose head is there, with its first piece where another could be asked instead; or an
 * answer that came whole.
 */
export type Asked =
  | { kind: 'stream'; answer: ProviderAnswer; hidesUsage: boolean }
  | { kind: 'whole'; whole: WholeAnswer };

/** One question to one model. */
export interface Question {
  operation: Operation;
  call: Call;
  signal: AbortSignal;
  headers: Readonly<Record<string, string>>;
  /** Told which options a model is sent in place of what was asked for, before it is. */
  changed?: (target: Route, options: JsonObject) => void;
}

/**
 * Asks one model once; the request is on its way when this returns. `final`: nobody else could be asked, so a stream is
 * passed on with its head.
 */
export async function askOnce(question: Question, target: Route, final: boolean): Promise<Asked> {
  const { operation, call, signal, headers, changed } = question;
  const { provider, model, apiKey } = target;
  const hidesUsage = call.stream && provider.reportsUsage && !call.asksUsage;
  const { limitField } = provider;
  const body = call.upstream(model, { addUsage: hidesUsage, ...(limitField && { limitField }) });
  const answer = await provider.call(operation.endpoint, body, {
    signal,
    model,
    headers,
    ...(changed && { changed: (options) => changed(target, options) }),
    ...(apiKey !== undefined && { apiKey }),
  });
  if (!call.stream || isWhole(answer)) {
    return { kind: 'whole', whole: await readWhole(call, answer, provider.name) };
  }
  if (final) return { kind: 'stream', answer, hidesUsage };
  return { kind: 'stream', answer: { ...answer, body: await begun(answer.body, provider.name) }, hidesUsage };
}

/** As `askOnce`, of a model that has so long to begin, in ms. */
export async function askInTime(question: Question, target: Route, beginMs: number): Promise<Asked> {
  const { signal } = question;
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(lateError(target, beginMs)), beginMs);
  try {
    // What is left of a stream still ends with the client.
    return await askOnce({ ...question, signal: AbortSignal.any([signal, own.signal]) }, target, false);
  } finally {
    clearTimeout(timer);
  }
}

function lateError({ provider: { name } }: Route, beginMs: number): RatchetError {
  const message = `${name} has not begun to answer within ${beginMs / 1_000} s: ask again, or raise providers.${name}.timeout_seconds.`;
  return new RatchetError('ProviderUnavailable', message, { details: { provider: name, httpStatus: 504, late: true } });
}
