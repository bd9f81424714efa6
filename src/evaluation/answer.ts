import { setTimeout as sleep } from 'node:timers/promises';
import { asRatchetError } from '../core/errors.ts';
import type { JsonObject } from '../core/canonical.ts';
import type { WireMessage } from '../core/message.ts';
import type { EvaluationPrompt } from './prompts.ts';

/** What a model is asked during an evaluation. */
export interface AskRequest {
  /** Model ref, `provider/model`. */
  model: string;
  messages: WireMessage[];
  tools?: JsonObject[];
  temperature: 0;
  seed: number;
  max_tokens: number;
}

/** Asks a served model once and gives the text of its answer; throws a RatchetError. */
export type Ask = (request: AskRequest, signal: AbortSignal) => Promise<string>;

/** An answer, and whether it ended because there was no room for more. */
export interface WholeAnswer {
  text: string;
  cutOff: boolean;
}

/** As {@link Ask}, and tells how the answer ended. */
export type AskWhole = (request: AskRequest, signal: AbortSignal) => Promise<WholeAnswer>;

export interface AnswerOptions {
  ask: Ask;
  model: string;
  prompts: readonly EvaluationPrompt[];
  seed: number;
  /** Tokens of an answer at most. */
  maxTokens: number;
  concurrency: number;
  signal: AbortSignal;
  /** Called after every answer with how many are there. */
  onAnswer: (done: number) => void;
  /** Milliseconds before the first retry; doubles each time. */
  retryDelay?: number;
}

const tries = 4;

/**
 * Asks one model every prompt, a few at a time, with temperature 0 and a fixed seed, and gives the answers in the order of
 * the prompts. Failures that may pass are tried again; the first that does not ends all and is thrown.
 */
export async function answerPrompts(options: AnswerOptions): Promise<string[]> {
  const { prompts, concurrency } = options;
  const answers = prompts.map(() => '');
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < prompts.length; index = next++) {
      signal.throwIfAborted();
      answers[index] = await askWithRetries(options, prompts[index] as EvaluationPrompt, signal);
      options.onAnswer(++done);
    }
  };
  const workers = Array.from({ length: Math.min(concurrency, prompts.length) }, async () => {
    try {
      await work();
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  });
  const failed = (await Promise.allSettled(workers)).some(({ status }) => status === 'rejected');
  options.signal.throwIfAborted();
  if (failed) throw stop.signal.reason;
  return answers;
}

async function askWithRetries(options: AnswerOptions, prompt: EvaluationPrompt, signal: AbortSignal): Promise<string> {
  const request: AskRequest = {
    model: options.model,
    messages: prompt.messages,
    ...(prompt.tools && { tools: prompt.tools }),
    temperature: 0,
    seed: options.seed,
    max_tokens: options.maxTokens,
  };
  for (let attempt = 1; ; attempt++) {
    try {
      return await options.ask(request, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (asRatchetError(error).traits.onStep !== 'retry' || attempt === tries) throw error;
      await sleep((options.retryDelay ?? 500) * 2 ** (attempt - 1), undefined, { signal });
    }
  }
}
