/** What a generation of Anthropic's models takes. */
export interface Generation {
  /** The longest answer, in tokens. */
  maxTokens: number;
  /** Whether `temperature`, `top_p` and `top_k` may be set. */
  sampling: boolean;
  /** Whether `temperature` and `top_p` may be set at once. */
  bothSampling: boolean;
  /** How it is told to think: not at all, by a number of tokens, or by an effort. */
  thinking: 'none' | 'budget' | 'effort';
  /** Whether it keeps answers and calls to a schema. */
  schemas: boolean;
}

/** Where no limit is given, an answer is as long as the model can make it, up to this. */
const usualLimit = 32_000;

const newest: Generation = {
  maxTokens: 128_000,
  sampling: false,
  bothSampling: false,
  thinking: 'effort',
  schemas: true,
};
/** What others serve under names of their own in this format is taken to be plain. */
const foreign: Generation = {
  maxTokens: 8_192,
  sampling: true,
  bothSampling: true,
  thinking: 'budget',
  schemas: false,
};

/** From the version on, as `major * 100 + minor`, the newest first. */
const generations: readonly (readonly [from: number, generation: Generation])[] = [
  [407, newest],
  [406, { ...newest, sampling: true }],
  [405, { maxTokens: 64_000, sampling: true, bothSampling: false, thinking: 'budget', schemas: true }],
  [401, { maxTokens: 32_000, sampling: true, bothSampling: false, thinking: 'budget', schemas: true }],
  [400, { maxTokens: 32_000, sampling: true, bothSampling: true, thinking: 'budget', schemas: false }],
  [307, { maxTokens: 64_000, sampling: true, bothSampling: true, thinking: 'budget', schemas: false }],
  [305, { maxTokens: 8_192, sampling: true, bothSampling: true, thinking: 'none', schemas: false }],
  [0, { maxTokens: 4_096, sampling: true, bothSampling: true, thinking: 'none', schemas: false }],
];

/** What the model takes, by its name: `claude-3-5-haiku-20241022`, `claude-opus-4-8`. */
export function generationOf(model: string): Generation {
  if (!/claude/i.test(model)) return foreign;
  const version = /claude-(?:[a-z]+-)*(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?/i.exec(model);
  if (!version) return newest;
  const number = Number(version[1]) * 100 + Number(version[2] ?? 0);
  return generations.find(([from]) => number >= from)?.[1] ?? newest;
}

/** How long an answer may be when nobody says so, in tokens: the API wants a number. */
export function usualMaxTokens({ maxTokens }: Generation): number {
  return Math.min(maxTokens, usualLimit);
}
