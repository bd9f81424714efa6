import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { asRatchetError } from '../core/errors.ts';
import { longestAge } from '../gateway/extending/cache-field.ts';
import type { AnswerCacheStore } from '../store/answer-cache-types.ts';
import type { ChatStore } from '../store/types.ts';

export interface TendingDeps {
  chats: Pick<ChatStore, 'indexNext' | 'erase'>;
  answerCache?: Pick<AnswerCacheStore, 'forgetBefore'>;
  /** How many days chats are kept; null is for ever. Asked before each round. */
  retentionDays: () => number | null;
  /** Whether chats are being answered now; never unless given. */
  busy?: () => boolean;
  log: Logger;
  /** Times in ms: how soon new chats are looked for, and how often old ones are. */
  times?: { lookMs?: number; eraseMs?: number };
  /** What it reads times from and rests by; the machine's own unless given. */
  clock?: Clock;
}

export interface Clock {
  /** In ms, from any fixed instant. */
  now(): number;
  /** Resolves after so many ms, or when the signal is aborted. */
  rest(ms: number, signal: AbortSignal): Promise<void>;
}

const machineClock: Clock = {
  now: () => performance.now(),
  rest: async (ms, signal) => {
    await sleep(ms, null, { signal, ref: false }).catch(() => null);
  },
};

const dayMs = 86_400_000;
const indexedAtOnce = 32;
/**
 * The indexer rests this many times as long as it worked, so that it never takes more than a tenth of the time, and a
 * thirtieth while chats are answered: that is enough for the chats of a quiet day, and what a loud one leaves is indexed
 * after it.
 */
const restFactor = { quiet: 9, busy: 29 };
/** A round that would rest for longer waited for something. */
const longestRest = 10_000;

/** Indexes chats for the search soon after they end, and erases those that are older than they may be. */
export function tendRecord({ chats, answerCache, retentionDays, log, ...deps }: TendingDeps): {
  stop(): Promise<void>;
} {
  const { busy = () => false, times = {}, clock = machineClock } = deps;
  const { lookMs = 500, eraseMs = 3_600_000 } = times;
  const stopping = new AbortController();
  const { signal } = stopping;

  async function repeat(what: string, once: () => Promise<number>): Promise<void> {
    while (!signal.aborted) {
      const rest = await once().catch((error: unknown) => {
        log.warn({ code: asRatchetError(error).code }, `${what} failed and is tried again`);
        return longestRest;
      });
      await clock.rest(rest, signal);
    }
  }

  async function indexSome(): Promise<number> {
    const started = clock.now();
    const some = await chats.indexNext(indexedAtOnce);
    const factor = busy() ? restFactor.busy : restFactor.quiet;
    const rest = Math.min(longestRest, factor * (clock.now() - started));
    return some < indexedAtOnce ? Math.max(lookMs, rest) : rest;
  }

  async function eraseOld(): Promise<number> {
    const days = retentionDays();
    if (days === null) return eraseMs;
    const report = await chats.erase({ before: Date.now() - days * dayMs });
    if (report.completions > 0) {
      log.info({ completions: report.completions, datasets: report.datasets, days }, 'old chats were erased');
    }
    return eraseMs;
  }

  async function forgetAnswers(): Promise<number> {
    await answerCache?.forgetBefore(Date.now() - longestAge * 1_000);
    return eraseMs;
  }

  const running = Promise.all([
    repeat('indexing chats', indexSome),
    repeat('erasing old chats', eraseOld),
    repeat('forgetting old answers', forgetAnswers),
  ]);
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
