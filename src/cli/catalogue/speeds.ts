import type { ApiClient } from '../api-client.ts';
import type { Speed } from './advice.ts';

/** Of a recorded answer, what tells how fast it was. */
export interface TimedAnswer {
  provider: string;
  model: string;
  state: string;
  stream: boolean;
  usage: { completion_tokens: number | null };
  created_at: string;
  first_token_at: string | null;
  finished_at: string | null;
}

const pages = 3;
const pageSize = 200;
/** Shorter answers tell little of the tokens per second. */
const leastTokens = 5;

/** What the record says of each model's speed, by ref, over its latest answers. */
export async function readSpeeds(api: ApiClient): Promise<Map<string, Speed>> {
  const answers: TimedAnswer[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < pages; page++) {
    const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const found: { items: TimedAnswer[]; next: string | null } = await api.get(
      `/api/completions?limit=${pageSize}&state=complete${after}`,
    );
    answers.push(...found.items);
    cursor = found.next;
    if (cursor === null) break;
  }
  return speedsOf(answers);
}

/** Medians by model ref. */
export function speedsOf(answers: readonly TimedAnswer[]): Map<string, Speed> {
  const byRef = Map.groupBy(answers, ({ provider, model }) => `${provider}/${model}`);
  return new Map(
    [...byRef].flatMap(([ref, ofModel]) => {
      const timed = ofModel.flatMap(timesOf);
      const rate = median(timed.map(({ tokensPerSecond }) => tokensPerSecond));
      if (rate === null) return [];
      const first = median(timed.flatMap(({ firstTokenMs }) => (firstTokenMs === null ? [] : [firstTokenMs])));
      return [[ref, { firstTokenMs: first, tokensPerSecond: rate, answers: timed.length }] as const];
    }),
  );
}

function timesOf(answer: TimedAnswer): { firstTokenMs: number | null; tokensPerSecond: number }[] {
  const { created_at, first_token_at, finished_at, stream, usage, state } = answer;
  const tokens = usage.completion_tokens ?? 0;
  if (state !== 'complete' || finished_at === null || tokens < leastTokens) return [];
  const created = Date.parse(created_at);
  const first = stream && first_token_at !== null ? Date.parse(first_token_at) : null;
  const ms = Date.parse(finished_at) - (first ?? created);
  if (ms <= 0) return [];
  // The first token has come when the time begins.
  const counted = first === null ? tokens : tokens - 1;
  return [{ firstTokenMs: first === null ? null : first - created, tokensPerSecond: (counted * 1_000) / ms }];
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
