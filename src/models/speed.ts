import type { OllamaClient } from './ollama.ts';

/** How fast a model writes beside its base. */
export interface Speed {
  /** Milliseconds for a token, the median of all runs. */
  model: number;
  base: number;
  /** How much longer the model takes: 0.05 is 5 %. */
  slowdown: number;
}

/** Texts that any model goes on with. */
const prompts = ['1 2 3 4 5 6 7', 'Once upon a time', 'The capital of France is', 'a b c d e f g'];
const rounds = 3;
const tokens = 32;

/**
 * Times a model against the base under it: each is loaded once, warmed, and goes on with four short texts three times. They
 * are not asked in turns, since Ollama has either a model or an adapter on it in memory, never both.
 */
export async function measureSpeed(
  ollama: Pick<OllamaClient, 'time'>,
  { model, base, signal }: { model: string; base: string; signal?: AbortSignal },
): Promise<Speed> {
  const own = await millisecondsPerToken(ollama, model, signal);
  const theirs = await millisecondsPerToken(ollama, base, signal);
  return { model: own, base: theirs, slowdown: theirs > 0 ? own / theirs - 1 : 0 };
}

async function millisecondsPerToken(
  ollama: Pick<OllamaClient, 'time'>,
  model: string,
  signal?: AbortSignal,
): Promise<number> {
  for (const prompt of prompts) await ollama.time(model, { prompt, tokens: 4 }, signal);
  const found: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const prompt of prompts) {
      const timing = await ollama.time(model, { prompt, tokens }, signal);
      if (timing.tokens > 0) found.push(timing.milliseconds / timing.tokens);
    }
  }
  return median(found);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
