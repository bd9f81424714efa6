import type { JsonObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import { eventId, raterIn, textIn } from './fields.ts';
import { type Seen, ratingIn, see, shareOn } from './scale.ts';
import type { ImportItem, ImportedFeedback } from './types.ts';

/** Scores that are about an answer as a whole; any other is one criterion. */
const overall = /^(user[-_ ]?)?(feedback|rating|thumbs?|score|like)$/i;
const mostScores = 2_000_000;

interface RawScore {
  at: string;
  observation: string | undefined;
  trace: string | undefined;
  name: string;
  value: number | boolean | string;
  kind: string;
  said: Pick<ImportedFeedback, 'comment' | 'rater' | 'id'>;
}

/** A score of an answer; no feedback when its number is on no known scale. */
export interface Score {
  at: string;
  feedback?: ImportedFeedback;
}

/** A row of scores; nothing when it has no value. */
export function readScore(row: JsonObject, at: string): RawScore | null {
  const kind = textIn(row.dataType) ?? textIn(row.data_type) ?? '';
  const words =
    textIn(row.stringValue) ?? textIn(row.string_value) ?? textIn(row.longStringValue) ?? textIn(row.long_string_value);
  const number = typeof row.value === 'number' ? row.value : undefined;
  const text = words ?? textIn(row.value);
  const value =
    kind === 'NUMERIC' ? number : kind === 'BOOLEAN' ? (number === undefined ? undefined : number === 1) : text;
  if (value === undefined) return null;
  const comment = textIn(row.comment)?.slice(0, 10_000);
  const id = textIn(row.id)?.slice(0, 500);
  return {
    at,
    kind,
    value,
    observation: textIn(row.observationId) ?? textIn(row.observation_id),
    trace: textIn(row.traceId) ?? textIn(row.trace_id),
    name: textIn(row.name) ?? 'score',
    said: {
      ...(comment !== undefined && { comment }),
      ...raterIn(row.authorUserId ?? row.author_user_id),
      ...(id !== undefined && { id }),
    },
  };
}

/** The scores of a file, by what they are of. */
export interface Scores {
  /** InvalidInput where there are more than memory should hold. */
  add(score: RawScore): void;
  /** Whether any is of a whole trace. */
  readonly hasTraces: boolean;
  /** A generation of a trace: the one that began last gave the answer that the trace's scores are of. */
  seeGeneration(trace: string, id: string, startedAt: number): void;
  /** Those of one generation, once. */
  take(id: string): Score[];
  /** Those that found no answer. */
  rest(): Generator<ImportItem>;
}

/** Creates an empty set. */
export function createScores(): Scores {
  const byObservation = new Map<string, RawScore[]>();
  const byTrace = new Map<string, RawScore[]>();
  const ofNothing: RawScore[] = [];
  const lastOf = new Map<string, { id: string; startedAt: number }>();
  const traceOf = new Map<string, string>();
  const scales = new Map<string, Seen>();
  let count = 0;
  return {
    add(score) {
      count += 1;
      if (count > mostScores) {
        throw new RatchetError('InvalidInput', 'There are more than two million scores: split the export by time.');
      }
      if (typeof score.value === 'number') scales.set(score.name, see(scales.get(score.name), score.value));
      if (score.observation !== undefined) append(byObservation, score.observation, score);
      else if (score.trace !== undefined) append(byTrace, score.trace, score);
      else ofNothing.push(score);
    },
    get hasTraces() {
      return byTrace.size > 0;
    },
    seeGeneration(trace, id, startedAt) {
      const last = lastOf.get(trace);
      if (!byTrace.has(trace) || (last && last.startedAt > startedAt)) return;
      if (last) traceOf.delete(last.id);
      lastOf.set(trace, { id, startedAt });
      traceOf.set(id, trace);
    },
    take(id) {
      const trace = traceOf.get(id) ?? '';
      const found = [...(byObservation.get(id) ?? []), ...(byTrace.get(trace) ?? [])];
      byObservation.delete(id);
      byTrace.delete(trace);
      return found.map((score) => scoreOf(score, scales.get(score.name)));
    },
    *rest() {
      const detail = 'Its observation is not in this file, or was left out: import both in one file.';
      for (const { at } of [...[...byObservation.values(), ...byTrace.values()].flat(), ...ofNothing]) {
        yield { kind: 'left-out', at, reason: 'score without its answer', detail };
      }
    },
  };
}

function append(map: Map<string, RawScore[]>, key: string, score: RawScore): void {
  const list = map.get(key);
  if (list) list.push(score);
  else map.set(key, [score]);
}

/**
 * A correction is the answer as it should have been. Yes and no are ratings where they are of the answer as a whole, and a
 * criterion otherwise; numbers are scores and criteria on the scale of all numbers of the same name; categories are ratings
 * where they are good or bad, and tags otherwise.
 */
function scoreOf(score: RawScore, seen: Seen | undefined): Score {
  const { at, said } = score;
  const verdict = verdictOf(score, seen);
  if (!verdict) return { at };
  const { id, ...rest } = said;
  const feedback = { ...rest, ...verdict };
  return { at, feedback: { ...feedback, ...(id !== undefined && { id: eventId(id, feedback) }) } };
}

function verdictOf({ name, value, kind }: RawScore, seen: Seen | undefined): ImportedFeedback | undefined {
  const whole = overall.test(name);
  if (kind === 'CORRECTION') return { correction: { role: 'assistant', content: String(value) } };
  if (typeof value === 'boolean') {
    return whole ? { rating: value ? 1 : -1 } : { criteria: { [criterion(name)]: value } };
  }
  if (typeof value === 'number') {
    const share = seen && shareOn(seen, value);
    if (share === undefined) return undefined;
    return whole ? { score: share } : { criteria: { [criterion(name)]: share } };
  }
  const rating = whole ? ratingIn(value) : undefined;
  return rating === undefined ? { tags: [`${name}: ${value}`.slice(0, 64).trim()] } : { rating };
}

/** A name of letters, digits, ".", "_" and "-". */
function criterion(name: string): string {
  return name.replaceAll(/[^\w.-]+/g, '_').slice(0, 64) || 'score';
}
