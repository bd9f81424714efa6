import { type JsonObject, isObject } from '../core/canonical.ts';
import type { Price, Settings } from '../core/settings.ts';
import type { Provider } from '../providers/types.ts';

/** Tokens of one call, as the provider reports them; null when it does not. */
export interface TokenUsage {
  promptTokens: number | null;
  completionTokens: number | null;
  /** Those of the prompt that the provider had in its cache. */
  cachedTokens: number;
}

/** The price of one model and where it was found. */
export interface FoundPrice {
  price: Price;
  /** `settings`: `ratchet.json`. */
  source: 'settings' | 'built-in' | 'local';
  /** The name in the table; null for a local model that no table names. */
  key: string | null;
}

type Priced = Pick<Provider, 'name' | 'locality'>;

export interface Prices {
  /** Null when no table names the model: an unknown price is never taken for 0. */
  find(provider: Priced, model: string): FoundPrice | null;
  /**
   * What a call costs, in billionths of a US dollar, rounded half up once per call; null when its tokens or the model's
   * price are unknown.
   */
  cost(provider: Priced, model: string, usage: TokenUsage): number | null;
  /** Notes a call that is over and has no cost although its tokens are known. */
  missed(provider: string, model: string): void;
  /** Models that were asked in this process and have no price, with how often. */
  unpriced(): { ref: string; calls: number }[];
  /** Every line of the tables; what the settings name replaces what is built in. */
  list(): { key: string; price: Price; source: 'settings' | 'built-in' }[];
}

export interface PricesDeps {
  settings: () => Settings;
  log: { warn(facts: Record<string, unknown>, message: string): void };
}

/** US dollars per million tokens, in and out. */
const builtIn: ReadonlyMap<string, Price> = new Map([
  ['gpt-4o-mini', { input: 0.15, output: 0.6 }],
  ['gpt-4o', { input: 5, output: 15 }],
  ['gpt-4-turbo', { input: 10, output: 30 }],
  ['claude-3-sonnet', { input: 3, output: 15 }],
]);

const free: Price = { input: 0, output: 0 };
/** How many models without a price are told apart, so that made-up names cannot fill the memory. */
const mostUnpriced = 1_000;

/** Creates the price list: what `ratchet.json` says, over what is built in. */
export function createPrices({ settings, log }: PricesDeps): Prices {
  const unpriced = new Map<string, number>();
  const found = new Map<string, FoundPrice | null>();
  let foundIn: Settings | null = null;

  /** Answers are kept until the settings change: a chat asks for one of a handful of models. */
  function find(provider: Priced, model: string): FoundPrice | null {
    const current = settings();
    if (current !== foundIn || found.size > mostUnpriced) found.clear();
    foundIn = current;
    const ref = `${provider.locality} ${provider.name}/${model}`;
    const known = found.get(ref);
    if (known !== undefined) return known;
    const price = findPrice(current.prices, provider, model);
    found.set(ref, price);
    return price;
  }

  function missed(provider: string, model: string): void {
    const ref = `${provider}/${model}`;
    const calls = unpriced.get(ref) ?? 0;
    if (calls === 0 && unpriced.size >= mostUnpriced) return;
    if (calls === 0)
      log.warn({ model: ref }, 'this model has no price, so its cost is unknown: name it under "prices"');
    unpriced.set(ref, calls + 1);
  }

  return {
    find,
    cost(provider, model, usage) {
      const price = find(provider, model);
      return price && costOf(usage, price.price);
    },
    missed,
    unpriced: () => [...unpriced].map(([ref, calls]) => ({ ref, calls })),
    list() {
      const own = settings().prices;
      const kept = [...builtIn].filter(([key]) => !own.has(key));
      return [
        ...[...own].map(([key, price]) => ({ key, price, source: 'settings' as const })),
        ...kept.map(([key, price]) => ({ key, price, source: 'built-in' as const })),
      ];
    },
  };
}

/**
 * Billionths of a dollar, as a whole number: tokens × dollars per million × 1000, rounded half up. Prices count to the
 * millionth of a dollar per million tokens, so that nothing but the last step rounds. Null when the tokens are unknown.
 */
export function costOf({ promptTokens, completionTokens, cachedTokens }: TokenUsage, price: Price): number | null {
  if (promptTokens === null || completionTokens === null) return null;
  const cached = Math.min(Math.max(cachedTokens, 0), promptTokens);
  const picodollars =
    (promptTokens - cached) * rate(price.input) +
    cached * rate(price.cachedInput ?? price.input) +
    completionTokens * rate(price.output);
  return Math.floor((picodollars + 500) / 1_000);
}

/** The tokens that an answer of the OpenAI shape reports. Embeddings complete nothing: their total is the prompt. */
export function readUsage(response: JsonObject | null): TokenUsage {
  const usage = isObject(response?.usage) ? response.usage : {};
  const promptTokens = count(usage.prompt_tokens);
  const total = count(usage.total_tokens);
  const rest = promptTokens !== null && total !== null && total >= promptTokens ? total - promptTokens : null;
  const details = isObject(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
  return {
    promptTokens,
    completionTokens: count(usage.completion_tokens) ?? rest,
    cachedTokens: count(details.cached_tokens) ?? 0,
  };
}

/** Whole picodollars a token, of dollars per million tokens. */
function rate(dollars: number): number {
  return Math.round(dollars * 1_000_000);
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function findPrice(own: Settings['prices'], provider: Priced, model: string): FoundPrice | null {
  const ref = `${provider.name}/${model}`;
  // Without its provider's name a line is about a model that somebody sells, which a local one of that name is not.
  const local = provider.locality === 'local';
  const ours = longestMatch(own, local ? [ref] : [ref, model], local ? `${provider.name}/` : '');
  if (ours) return { ...ours, source: 'settings' };
  if (local) return { price: free, source: 'local', key: null };
  const known = longestMatch(builtIn, [model, model.slice(model.lastIndexOf('/') + 1)]);
  return known && { ...known, source: 'built-in' };
}

/** Of the lines that mean one of these names, the one that says most of it. */
function longestMatch(
  table: ReadonlyMap<string, Price>,
  names: readonly string[],
  prefix = '',
): { key: string; price: Price } | null {
  let best: { key: string; price: Price; rank: number } | null = null;
  for (const [key, price] of table) {
    if (!key.startsWith(prefix)) continue;
    const rank = Math.max(...names.map((name) => matchRank(key, name)));
    if (rank > (best?.rank ?? 0)) best = { key, price, rank };
  }
  return best && { key: best.key, price: best.price };
}

/** 0 for no match; else more, the more letters of the name the key says. */
function matchRank(key: string, name: string): number {
  if (key === name) return 1_000 + key.length;
  if (key.includes('*')) return globMatches(key, name) ? 1 + key.replaceAll('*', '').length : 0;
  return name.startsWith(key) && dated.test(name.slice(key.length)) ? 1_000 + key.length : 0;
}

/** What vendors put behind a model's name for one version of it: `-2024-07-18`, `-20240229`, `-0613`, `-latest`. */
const dated = /^[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)$/;

/** Whether a pattern with `*` for any letters matches a whole name. Linear in both, unlike a regular expression. */
function globMatches(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop() ?? '';
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= name.length - last.length;
}
