/** What a model may be wanted for. `batch`: many answers that nobody waits for. */
export const uses = ['chat', 'code', 'batch'] as const;
export type Use = (typeof uses)[number];

/** What was measured of one model, over its latest answers. */
export interface Speed {
  /** Median time to the first token, in ms; null where nothing was streamed. */
  firstTokenMs: number | null;
  /** Median over the answers. */
  tokensPerSecond: number;
  answers: number;
}

/** All that is known of one model. Null is not known. */
export interface Candidate {
  ref: string;
  locality: 'local' | 'remote';
  /** Whether its provider lists it now. */
  isThere: boolean;
  /** Whether it answers chats. */
  chats: boolean | null;
  tools: boolean | null;
  /** Bytes on disk. */
  size: number | null;
  /** Tokens. */
  context: number | null;
  /** Dollars per million tokens. */
  price: { input: number; output: number } | null;
  speed: Speed | null;
}

export interface Advice extends Candidate {
  /** `no`: it cannot be used for this here. */
  verdict: 'first' | 'good' | 'possible' | 'no';
  /** One sentence. */
  reason: string;
}

/** Weights need about this much more memory than disk, for context and work space. */
const memoryPerByte = 1.2;
/** What somebody who waits for an answer of 200 tokens bears, in seconds. */
const patience = { chat: 10, code: 20, batch: Number.POSITIVE_INFINITY } as const;
const answerTokens = 200;
/** Code comes with long prompts. */
const codeContext = 8_192;

/** Orders models for a use, the best first, each with the reason in a sentence. `memory` is this machine's, in bytes. */
export function advise(candidates: readonly Candidate[], use: Use, memory: number): Advice[] {
  const judged = candidates.map((candidate) => ({ candidate, ...judge(candidate, use, memory) }));
  const sorted = judged.toSorted((a, b) => compare(a.rank, b.rank) || (a.candidate.ref < b.candidate.ref ? -1 : 1));
  return sorted.map(({ candidate, refusal, rank }, at) => {
    const isFit = refusal === null;
    const verdict = !isFit ? 'no' : at === 0 ? 'first' : rank[1] === 0 ? 'good' : 'possible';
    return { ...candidate, verdict, reason: isFit ? reasonFor(candidate, use, memory) : refusal };
  });
}

/** Lower goes first, number by number. */
function compare(a: readonly number[], b: readonly number[]): number {
  for (const [at, value] of a.entries()) if (value !== b[at]) return value - (b[at] ?? 0);
  return 0;
}

function judge(one: Candidate, use: Use, memory: number): { refusal: string | null; rank: number[] } {
  const refusal = refusalOf(one, use, memory);
  const seconds = secondsPerAnswer(one);
  const isSlow = seconds !== null && seconds > patience[use];
  const cost = one.price ? one.price.input + one.price.output : one.locality === 'local' ? 0 : Number.MAX_VALUE;
  const far = one.locality === 'local' ? 0 : 1;
  const unsuited = use === 'code' && !isForCode(one) ? 1 : 0;
  const size = -(one.size ?? 0);
  const speed = seconds ?? Number.MAX_VALUE;
  const byUse = use === 'batch' ? [cost, speed] : [unsuited, far, size, speed, cost];
  return { refusal, rank: [refusal === null ? 0 : 1, isSlow ? 1 : 0, seconds === null ? 1 : 0, ...byUse] };
}

function refusalOf(one: Candidate, use: Use, memory: number): string | null {
  if (!one.isThere) return 'its provider does not list it now';
  if (one.chats === false) return 'it does not answer chats';
  if (one.locality === 'local' && one.size !== null && one.size * memoryPerByte > memory) {
    return `it needs about ${gigabytes(one.size * memoryPerByte)} of memory, and this machine has ${gigabytes(memory)}`;
  }
  if (use === 'code' && one.context !== null && one.context < codeContext) {
    return `its context of ${one.context} tokens is short for code`;
  }
  return null;
}

/** By its name: nobody tells it otherwise. */
function isForCode({ ref }: Candidate): boolean {
  return /cod(?:er|e\b|estral|ellama|egemma)|devstral|starcoder/i.test(ref);
}

function secondsPerAnswer({ speed }: Candidate): number | null {
  return speed && (speed.firstTokenMs ?? 0) / 1_000 + answerTokens / speed.tokensPerSecond;
}

function reasonFor(one: Candidate, use: Use, memory: number): string {
  const seconds = secondsPerAnswer(one);
  const size = one.size === null ? '' : ` (${gigabytes(one.size)} of ${gigabytes(memory)})`;
  const parts = [
    one.locality === 'local' ? `stays on this machine${size}` : 'leaves this machine',
    ...(use === 'code' && isForCode(one) ? ['made for code, by its name'] : []),
    seconds === null
      ? 'its speed is not measured yet'
      : `${seconds.toFixed(1)} s for ${answerTokens} tokens${seconds > patience[use] ? ', which is slow' : ''}`,
    priceText(one),
  ];
  return parts.join('; ');
}

function priceText({ price, locality }: Candidate): string {
  if (price === null) return 'its price is not known';
  if (locality === 'local' && price.input + price.output === 0) return 'costs nothing';
  return `$${price.input} and $${price.output} a million tokens in and out`;
}

/** Bytes as people read them. */
export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
