import { type WireMessage, textOf } from '../core/message.ts';
import type { Recipe } from '../core/recipe.ts';
import type { Assembled } from './assemble.ts';
import { type BandTable, createBandTable } from './bands.ts';
import { createBreath } from './breathe.ts';
import { cleanMessage } from './clean.ts';
import type { Contamination } from './decontaminate.ts';
import { documentOf } from './document.ts';
import type { Draft, Texts } from './draft.ts';
import type { Entry } from './entry.ts';
import { answerKey, bareKey, promptKey } from './normalise.ts';
import type { Report, StageReport } from './report.ts';
import type { Spool } from './spool.ts';
import { trainable } from './trainable.ts';
import { faultOf, isEmpty } from './validate.ts';

/** Replaces what must not be learned, the same value by the same placeholder; the very same messages where there was nothing. */
export type RedactMessages = (messages: readonly WireMessage[]) => {
  messages: WireMessage[];
  found: Readonly<Record<string, number>>;
};

/** Why an answer is not good enough to be learned, in `snake_case`; null when it is. */
export type QualityOf = (messages: readonly WireMessage[], author: string) => string | null;

export interface RowStages {
  build: Recipe['build'];
  /** Null where nothing is redacted. */
  redact: RedactMessages | null;
  /** Null where nothing is too poor. */
  quality: QualityOf | null;
  contamination: Contamination;
  report: Report;
  spool: Spool;
  /** Told of every row whose texts a stage changed. */
  watch?: ((change: TextsChange) => void) | undefined;
}

/** What a stage made of the texts of a row. */
export interface TextsChange {
  stage: string;
  id: string;
  before: Texts;
  after: Texts;
}

export interface Drafted {
  drafts: Draft[];
  /** Bands of the drafts' documents, by their index; null where only equal rows are looked for. */
  bands: BandTable | null;
}

/**
 * The stages that look at one row at a time: rows, normalise, validate, redact, quality, decontaminate. What they say depends on
 * the row and the recipe alone. What is left is spooled, and a draft of it kept.
 */
export async function draftRows(
  source: AsyncIterable<readonly Assembled[]> | Iterable<readonly Assembled[]>,
  options: RowStages,
): Promise<Drafted> {
  const { build, spool } = options;
  const refine = createRefining(options);
  const bands = build.near_duplicates === null ? null : createBandTable();
  const drafts: Draft[] = [];
  const breathe = createBreath();
  for await (const some of source) {
    for (const entry of some) {
      const texts = refine(entry);
      if (texts !== null) {
        bands?.add(documentOf(texts.messages));
        drafts.push(toDraft(entry as Entry, texts, drafts.length, spool));
      }
      const turn = breathe();
      if (turn) await turn;
    }
  }
  return { drafts, bands };
}

/** Takes an entry through the stages; null when one of them let it go. */
function createRefining({ build, redact, quality, contamination, report, watch }: RowStages) {
  const rows = report.stage('rows');
  const normalise = report.stage('normalise');
  const validate = report.stage('validate');
  const redaction = report.stage('redact');
  const poor = report.stage('quality');
  const decontaminate = report.stage('decontaminate');
  const pairs = report.stage('pairs');
  const goOn = (stage: StageReport, id: string, fault: string | null, of?: string): boolean => {
    stage.took(1);
    if (fault !== null) stage.drop(id, fault, of);
    return fault === null;
  };
  const tell = (stage: string, id: string, before: Texts, after: Texts): void => {
    if (watch && before !== after) watch({ stage, id, before, after });
  };
  return (entry: Assembled): Texts | null => {
    const raw = 'fault' in entry ? entry.fault : trainableTexts(entry);
    if (!goOn(rows, entry.id, typeof raw === 'string' ? raw : null) || typeof raw === 'string') return null;
    const given = entry as Entry;
    normalise.took(1);
    const texts = build.normalise ? cleaned(raw, (count) => normalise.changed('texts', count)) : raw;
    tell('normalise', given.id, raw, texts);
    if (!goOn(validate, given.id, faultOf(texts.messages, given))) return null;
    redaction.took(1);
    const safe = redacted(texts, redact, (kind, count) => redaction.changed(kind, count));
    tell('redact', given.id, texts, safe);
    const fault = given.kind === 'learn' ? (quality?.(safe.messages, given.author) ?? null) : null;
    if (!goOn(poor, given.id, fault)) return null;
    // Looked for in the texts as they were written, since placeholders would hide it.
    const item = contamination(texts.messages);
    if (!goOn(decontaminate, given.id, item === null ? null : 'in_an_evaluation', item ?? undefined)) return null;
    return paired(given, safe, pairs);
  };
}

/** Without the worse answer where the two make no pair; null for a preference that is none then. */
function paired({ id, kind }: Entry, texts: Texts, pairs: StageReport): Texts | null {
  const { against, ...rest } = texts;
  if (!against) return texts;
  pairs.took(1);
  const answer = texts.messages.at(-1) as WireMessage;
  const fault = isEmpty(against)
    ? 'worse_answer_is_empty'
    : answerKey(answer) === answerKey(against)
      ? 'both_say_the_same'
      : null;
  if (fault === null) return texts;
  if (kind !== 'prefer') {
    pairs.skip(id, fault);
    return rest;
  }
  pairs.drop(id, fault);
  return null;
}

/** The texts as a chat template takes them, or why it cannot. */
function trainableTexts({ kind, messages, against, tools }: Entry): Texts | string {
  const clean = messages.map(trainable);
  const worse = against && trainable(against);
  if (clean.includes(null) || (kind === 'prefer' && worse === null)) return 'not_text';
  return {
    messages: clean as WireMessage[],
    ...(worse && { against: worse }),
    ...(tools.length > 0 && { tools }),
  };
}

function cleaned(texts: Texts, changed: (count: number) => void): Texts {
  const messages = texts.messages.map(cleanMessage);
  const against = texts.against && cleanMessage(texts.against);
  const count =
    messages.filter((message, at) => message !== texts.messages[at]).length + (against === texts.against ? 0 : 1);
  if (count === 0) return texts;
  changed(count);
  return { ...texts, messages, ...(against && { against }) };
}

/** Messages and the worse answer together, so that one value has one placeholder. */
function redacted(texts: Texts, redact: RedactMessages | null, changed: (kind: string, count: number) => void): Texts {
  if (redact === null) return texts;
  const { messages, against } = texts;
  const { messages: clean, found } = redact(against ? [...messages, against] : messages);
  const kinds = Object.entries(found).filter(([, count]) => count > 0);
  if (kinds.length === 0) return texts;
  for (const [kind, count] of kinds) changed(kind, count);
  const worse = against && clean.at(-1);
  return { ...texts, messages: clean.slice(0, messages.length), ...(worse && { against: worse }) };
}

function toDraft(entry: Entry, texts: Texts, index: number, spool: Spool): Draft {
  const { id, kind, signal, author, topic, at, raters, ratings, corrections, node } = entry;
  const answer = texts.messages.at(-1) as WireMessage;
  const ownKey = answerKey(answer);
  return {
    id,
    kind,
    signal,
    author: shared(author),
    topic,
    at,
    raters: sharedList(raters),
    ratings: ratings.length === 0 ? none : ratings,
    corrections: corrections.length === 0 ? none : corrections,
    node: node ?? '',
    index,
    place: spool.add(texts),
    promptKey: promptKey(texts.messages.slice(0, -1), texts.tools),
    answerKey: kind === 'prefer' && texts.against ? `${ownKey}>${answerKey(texts.against)}` : ownKey,
    bareKey: bareKey(answer),
    size: textOf(answer.content).length,
  };
}

const names = new Map<string, string>();
const lists = new Map<string, readonly string[]>();
const mostNames = 10_000;
const none: never[] = [];

/** One list for all that have the same names, of which there are few. */
function sharedList(list: readonly string[]): readonly string[] {
  const key = JSON.stringify(list);
  const known = lists.get(key);
  if (known) return known;
  if (lists.size > mostNames) lists.clear();
  lists.set(key, list);
  return list;
}

/** One string for all that are equal, of which there are few. */
function shared(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  if (names.size > mostNames) names.clear();
  names.set(text, text);
  return text;
}
