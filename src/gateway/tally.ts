import type { Principal, RecordMode } from '../core/access.ts';
import type { JsonObject } from '../core/canonical.ts';
import type { RatchetError } from '../core/errors.ts';
import type { WireMessage } from '../core/message.ts';
import type { Outcome } from '../store/types.ts';
import { estimateTokens } from './estimate.ts';
import type { AttemptFacts, Call, CallFacts, Operation } from './ports.ts';
import { type Prices, readUsage } from './price.ts';
import type { Answer, Figures } from './recorder.ts';
import type { Route } from './resolve.ts';

/** What comes to be known of a call while it is answered. */
export interface Tally {
  /** When the call began, as `performance.now()` counts. */
  readonly start: number;
  call: Call | null;
  /** Who was to be asked first. */
  first: Route | null;
  /** Who is asked now, or answered. */
  target: Route | null;
  record: RecordMode;
  completionId: string | null;
  attempts: AttemptFacts[];
  /** How often a provider was asked. */
  tries: number;
  /** Notes that a model is asked now. */
  asks(target: Route): void;
  /** Notes which options the model that is asked now gets in place of what was asked for, since the GPU is lent. */
  changes(options: JsonObject): void;
  /** Those of the model that is asked now; null where it is asked as it was asked for. */
  sent: JsonObject | null;
  /** From the last question to the first piece of its answer, in ms; null when nothing came. */
  firstMs(): number | null;
  /** Notes that the first piece of the answer came. */
  sawFirst(): void;
  /** Notes the answer, in whose own fields its usage is. */
  sawAnswer(answer: Answer): void;
  /** What limits are charged with: tokens as reported, or an estimate where an answer, or what came of it, is without. */
  tokens(): number;
  /** How long the commit of the record was waited for, in ms. */
  commitMs: number | null;
  state: CallFacts['state'];
  error: RatchetError | null;
  figures(): Figures;
  facts(status: number): CallFacts;
}

export interface TallyOptions {
  requestId: string;
  operation: Operation;
  principal: Principal;
  prices: Pick<Prices, 'cost'>;
}

/** Creates the tally of one call, which begins now. */
export function createTally({ requestId, operation, principal, prices }: TallyOptions): Tally {
  const startedAt = Date.now();
  const start = performance.now();
  let firstTokenMs: number | null = null;
  let askedMs = 0;
  let usage = readUsage(null);
  let costNanos: number | null = null;
  let said: WireMessage[] = [];

  const tally: Tally = {
    start,
    call: null,
    first: null,
    target: null,
    record: principal.record,
    completionId: null,
    attempts: [],
    tries: 0,
    asks(target) {
      askedMs = performance.now() - start;
      tally.target = target;
      tally.tries += 1;
      tally.sent = null;
    },
    sent: null,
    changes: (options) => noteChange(tally, options),
    firstMs: () => (firstTokenMs === null ? null : firstTokenMs - askedMs),
    commitMs: null,
    state: 'refused',
    error: null,
    sawFirst() {
      firstTokenMs ??= performance.now() - start;
    },
    sawAnswer({ choices, response }) {
      said = choices.map(({ message }) => message);
      usage = readUsage(response);
      costNanos = tally.target && response ? prices.cost(tally.target.provider, tally.target.model, usage) : null;
    },
    tokens() {
      const { promptTokens, completionTokens } = usage;
      if (promptTokens !== null && completionTokens !== null) return promptTokens + completionTokens;
      // Who leaves before the first word has had its request read all the same.
      const cost = tally.state === 'complete' || tally.state === 'interrupted' || said.length > 0;
      if (!tally.call || !cost) return 0;
      return estimateTokens(tally.call.messages, tally.call.envelope, said);
    },
    figures: () => ({
      promptTokens: usage.promptTokens,
      completionTokens: usage.completionTokens,
      costNanos,
      firstTokenAt: firstTokenMs === null ? null : Math.round(startedAt + firstTokenMs),
      ...outcomeOfRoutes(tally),
    }),
    facts: (status) => ({
      ...knownFacts(tally, { requestId, operation, principal }),
      status,
      promptTokens: usage.promptTokens,
      completionTokens: usage.completionTokens,
      costNanos,
      startedAt,
      firstTokenMs,
      durationMs: performance.now() - start,
    }),
  };
  return tally;
}

/** A model that is not asked as it was asked for counts as one that could not be, and was asked again. */
function noteChange(tally: Tally, sent: JsonObject): void {
  tally.sent = sent;
  if (!tally.target) return;
  const { provider, model } = tally.target;
  tally.attempts.push({ provider: provider.name, model, code: 'GpuBusy', sent, unasked: true, retried: true });
}

type Known = Omit<
  CallFacts,
  'status' | 'promptTokens' | 'completionTokens' | 'costNanos' | 'startedAt' | 'firstTokenMs' | 'durationMs'
>;

function knownFacts(tally: Tally, { requestId, operation, principal }: Omit<TallyOptions, 'prices'>): Known {
  return {
    requestId,
    completionId: tally.completionId,
    kind: operation.kind,
    principal,
    asked: tally.call?.model ?? '',
    provider: tally.target?.provider.name ?? null,
    model: tally.target?.model ?? null,
    stream: tally.call?.stream ?? false,
    record: tally.record,
    state: tally.state,
    code: tally.error?.code ?? null,
    attempts: tally.attempts,
    commitMs: tally.commitMs,
  };
}

function outcomeOfRoutes({ first, target, attempts }: Tally): Pick<Outcome, 'answeredBy' | 'attempts'> {
  // Who wants to be left alone for a while is passed over without an attempt.
  const another = target !== null && target !== first;
  if (!another && attempts.length === 0) return {};
  return {
    ...(another && { answeredBy: { provider: target.provider.name, model: target.model } }),
    attempts: attempts.map(({ provider, model, code, sent }) => ({ provider, model, code, ...(sent && { sent }) })),
  };
}
