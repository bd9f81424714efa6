import { isObject, type JsonObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import type { Store } from '../../store/types.ts';
import { type BaseRoots, baseModelName, basesWithOrigin, resolveBase } from '../bases.ts';
import { baseNameOf } from '../hub/source.ts';
import type { OllamaClient } from '../ollama.ts';
import { sameModel } from '../ollama/name.ts';
import { type Weights, parseCount, publishedAs } from './published.ts';

export interface FindBaseDeps {
  /** Model ref of the active model; null where none is. */
  active: () => string | null;
  store: { models: Pick<Store['models'], 'byServed'> };
  ollama: Pick<OllamaClient, 'show'>;
  roots: BaseRoots;
  modelPrefix: string;
}

/** A base that is known to be the one, and what a recipe on it is called unless somebody says. */
export interface FoundBase {
  base: string;
  name: string;
}

/** What is proposed in place of a base that nobody named. */
export interface BaseProposal {
  active: string;
  family: string;
  parameters: number;
  hub: string;
  /** What it is called here. */
  base: string;
  /** Whether it is among the bases. */
  there: boolean;
  download: { bytes: number; seconds: number; bytes_per_second: number };
  command: string;
}

/** Published weights have two bytes a parameter. */
const bytesPerParameter = 2;
/** 100 Mbit/s. It is told with every time that is made of it. */
const assumedRate = 12_500_000;

/**
 * The base of the active model, where that is known and not guessed: it was trained here, or is a base. Else throws BaseMissing,
 * whose sentence proposes one to add by what Ollama tells of the model's weights, with the proposal in its details, or says that
 * there is none to propose.
 */
export async function findBase(deps: FindBaseDeps): Promise<FoundBase> {
  const ref = deps.active();
  const bases = (await basesWithOrigin(deps.roots)).map(({ name }) => name);
  if (ref === null) throw missing('no model is selected that one could be found by', bases);
  const version = await deps.store.models.byServed(ref);
  if (version) return { base: version.base, name: version.name };
  const model = /^ollama\/(.+)$/.exec(ref)?.[1];
  if (model === undefined) throw missing(`the active model ${ref} is not one of Ollama's`, bases);
  const served = await servedAs(deps, bases, model);
  if (served !== null) return { base: served, name: served };
  throw await proposalFor(deps, ref, model, bases);
}

async function servedAs(
  { roots, modelPrefix }: FindBaseDeps,
  bases: readonly string[],
  model: string,
): Promise<string | null> {
  for (const name of bases) {
    const base = await resolveBase(roots, name).catch(() => null);
    if (base && sameModel(base.ollama ?? baseModelName(modelPrefix, name), model)) return name;
  }
  return null;
}

async function proposalFor(
  { ollama, roots }: FindBaseDeps,
  ref: string,
  model: string,
  bases: readonly string[],
): Promise<RatchetError> {
  const weights = weightsOf(model, await ollama.show(model));
  const known = publishedAs(weights);
  const about = `the active model ${ref} is ${weights.family || 'of an unknown family'} with ${millionsOf(weights.parameters)} parameters`;
  if (!known) return missing(`${about}, of which no base is known that is trained here`, bases);
  const there = (await basesWithOrigin(roots)).find(({ origin }) => origin?.hub === known.hub);
  const proposal = proposed(ref, weights, known, there?.name ?? null);
  const { download, base, command } = proposal;
  const advice = there
    ? `the base "${base}" is ${known.hub}: start with base "${base}".`
    : `"${command}" fetches about ${(download.bytes / 1e9).toFixed(1)} GB (${minutes(download.seconds)} at 100 Mbit/s), then start with base "${base}".`;
  return new RatchetError('BaseMissing', `No base is given; ${about}: ${advice}`, { details: { proposal } });
}

function proposed(
  active: string,
  { family, parameters }: Weights,
  known: { hub: string; parameters: number },
  there: string | null,
): BaseProposal {
  const bytes = Math.round(known.parameters * bytesPerParameter);
  return {
    active,
    family,
    parameters,
    hub: known.hub,
    base: there ?? baseNameOf(known.hub),
    there: there !== null,
    download: { bytes, seconds: Math.ceil(bytes / assumedRate), bytes_per_second: assumedRate },
    command: `ratchet bases add ${known.hub}`,
  };
}

/** What Ollama tells: the exact count where the file has it, else the rounded one that is shown. */
function weightsOf(model: string, shown: JsonObject): Weights {
  const [details, info] = [shown.details, shown.model_info].map((part) => (isObject(part) ? part : {}));
  const counted = info?.['general.parameter_count'];
  const exact = typeof counted === 'number' && counted > 0;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    family: text(info?.['general.architecture']) || text(details?.family),
    parameters: exact ? counted : parseCount(text(details?.parameter_size)),
    exact,
    names: [model, text(info?.['general.basename']), text(info?.['general.name'])].join(' '),
  };
}

function missing(why: string, bases: readonly string[]): RatchetError {
  const list = bases.length > 0 ? `name one of ${bases.join(', ')}, or add` : 'add';
  const message = `No base is given, and ${why}: ${list} one with "ratchet bases add".`;
  return new RatchetError('BaseMissing', message, { details: { available: bases } });
}

function millionsOf(count: number): string {
  if (count === 0) return 'an unknown number of';
  if (count < 1e7) return `${(count / 1e6).toFixed(1)} million`;
  return count < 1e9 ? `${Math.round(count / 1e6)} million` : `${(count / 1e9).toFixed(1)} billion`;
}

function minutes(seconds: number): string {
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
