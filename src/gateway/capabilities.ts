import { type Ability, type ModelFacts, abilities, mergeFacts } from '../core/capabilities.ts';
import { RatchetError } from '../core/errors.ts';
import type { Settings } from '../core/settings.ts';
import type { Provider } from '../providers/types.ts';

/** What is known of models. It is learnt in the background, and read from memory. */
export interface Capabilities {
  /** What is known of a model now. Synchronous; what is not known, or was learnt long ago, is asked for meanwhile. */
  facts(provider: Provider, model: string): KnownFacts;
  /** Takes note of what a provider lists now, and learns of it. Resolves when all is known that is told; never rejects. */
  learn(provider: Provider, models: readonly string[], signal: AbortSignal): Promise<void>;
  /**
   * Models that their providers list and that are known to be able to do all this with a prompt of so many tokens, those on
   * this machine first. Few providers say that their models chat and stream, so that these need only not be known to lack.
   */
  able(needed: readonly Ability[], tokens: number): string[];
}

/** Facts, and what follows from them. */
export interface KnownFacts extends ModelFacts {
  /** What it is known to lack; empty for most. */
  readonly lacks: readonly Ability[];
}

export interface CapabilitiesDeps {
  settings: () => Settings;
  /** A clock in ms that never goes back. */
  now?: () => number;
}

/** How long what was learnt is believed, and how long a provider that did not tell is left alone, in ms. */
const believedMs = 5 * 60_000;
const leftAloneMs = 60_000;
/** How long one question may take, in ms. */
const askMs = 10_000;
/** How many are asked about at one time, so that a server with many models is not held up. */
const atOnce = 2;
/** How many models of one provider are remembered. */
const mostModels = 5_000;

interface Entry {
  told: ModelFacts | null;
  /** When it is to be asked for again. */
  dueAt: number;
  asking: Promise<void> | null;
  /** Whether the provider lists it. */
  listed: boolean;
  /** The facts in force, and the settings that they were made of. */
  known: KnownFacts | null;
  settings: Settings | null;
}

type Memory = Map<Provider, Map<string, Entry>>;

/** Creates the memory. What the settings say has the last word, then what the provider tells, then what its kind says. */
export function createCapabilities({ settings, now = () => performance.now() }: CapabilitiesDeps): Capabilities {
  // A provider that is made anew, with another address maybe, is another provider.
  const memory: Memory = new Map();

  function ask(provider: Provider, model: string, entry: Entry, signal: AbortSignal): Promise<void> {
    if (!provider.describe || now() < entry.dueAt) return Promise.resolve();
    entry.asking ??= tellOf(provider, model, signal)
      .then(
        (told) => {
          entry.told = told;
          entry.known = null;
          entry.dueAt = now() + believedMs;
        },
        () => {
          entry.dueAt = now() + leftAloneMs;
        },
      )
      .finally(() => {
        entry.asking = null;
      });
    return entry.asking;
  }

  function inForce(provider: Provider, model: string, entry: Entry): KnownFacts {
    const current = settings();
    if (entry.known && entry.settings === current) return entry.known;
    entry.settings = current;
    entry.known = knownOf([saidOf(current, provider, model), entry.told, provider.facts]);
    return entry.known;
  }

  return {
    facts(provider, model) {
      const entry = entryOf(memory, provider, model);
      if (now() >= entry.dueAt && !entry.asking) void ask(provider, model, entry, AbortSignal.timeout(askMs));
      return inForce(provider, model, entry);
    },
    async learn(provider, models, signal) {
      const listed = noteListed(memory, provider, models);
      const work = listed.values();
      const takeOn = async (): Promise<void> => {
        for (const { model, entry } of work) if (!signal.aborted) await ask(provider, model, entry, signal);
      };
      await Promise.all(Array.from({ length: atOnce }, takeOn));
    },
    able(needed, tokens) {
      const found = [...memory].flatMap(([provider, models]) =>
        [...models].flatMap(([model, entry]) => {
          if (!entry.listed) return [];
          const facts = inForce(provider, model, entry);
          const fits = tokens === 0 || (facts.context ?? 0) >= tokens;
          return fits && needed.every((ability) => isAble(facts, ability)) ? [{ provider, model }] : [];
        }),
      );
      const here = found.filter(({ provider }) => provider.locality === 'local');
      const elsewhere = found.filter(({ provider }) => provider.locality !== 'local');
      return [...here, ...elsewhere].map(({ provider, model }) => `${provider.name}/${model}`);
    },
  };
}

/** Rejects for one that is not set up, or whose keys cannot be read: it is asked again before long. */
async function tellOf(provider: Provider, model: string, signal: AbortSignal): Promise<ModelFacts | null> {
  const setUp = provider.setUp();
  if (setUp.state === 'missing') throw new RatchetError('ProviderUnavailable', `${provider.name}: ${setUp.hint}.`);
  return (await provider.describe?.(model, { signal })) ?? null;
}

function entryOf(memory: Memory, provider: Provider, model: string): Entry {
  let models = memory.get(provider);
  if (!models) {
    forgetOlder(memory, provider);
    models = new Map();
    memory.set(provider, models);
  }
  let entry = models.get(model);
  if (!entry) {
    if (models.size >= mostModels) models.clear();
    entry = { told: null, dueAt: 0, asking: null, listed: false, known: null, settings: null };
    models.set(model, entry);
  }
  return entry;
}

function noteListed(memory: Memory, provider: Provider, models: readonly string[]): { model: string; entry: Entry }[] {
  for (const entry of memory.get(provider)?.values() ?? []) entry.listed = false;
  return models.slice(0, mostModels).map((model) => {
    const entry = entryOf(memory, provider, model);
    entry.listed = true;
    return { model, entry };
  });
}

function isAble({ abilities: has }: KnownFacts, ability: Ability): boolean {
  return ability === 'chat' || ability === 'stream' ? has[ability] !== false : has[ability] === true;
}

/** Providers that were made before under the same name are gone. */
function forgetOlder(memory: Map<Provider, unknown>, { name }: Provider): void {
  for (const provider of memory.keys()) if (provider.name === name) memory.delete(provider);
}

/** Ollama lists every model with its tag, and people leave `:latest` out. */
function saidOf({ models }: Settings, { name, kind }: Provider, model: string): ModelFacts | undefined {
  const said = models.get(`${name}/${model}`)?.facts;
  if (said || kind !== 'ollama') return said;
  const other = model.endsWith(':latest') ? model.slice(0, -':latest'.length) : `${model}:latest`;
  return models.get(`${name}/${other}`)?.facts;
}

function knownOf(ranked: Parameters<typeof mergeFacts>[0]): KnownFacts {
  const facts = mergeFacts(ranked);
  return { ...facts, lacks: abilities.filter((ability) => facts.abilities[ability] === false) };
}
