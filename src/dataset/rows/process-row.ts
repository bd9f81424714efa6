import { type WireMessage, textOf } from '../../core/message.ts';
import type { Assembled } from '../assemble.ts';
import type { Texts } from '../draft.ts';
import type { Entry } from '../entry.ts';
import { bandCount, bandsOf } from '../near/signature.ts';
import { shinglesOfLines } from '../near/shingles.ts';
import { type WordsOf, rememberWords } from '../near/words.ts';
import { answerKey, bareKey, promptKey } from '../normalise.ts';
import { type QualityOf, createQuality } from '../quality/quality.ts';
import type { Region } from '../redact/kind.ts';
import { redactMessages } from '../redact/messages.ts';
import { createRedactor } from '../redact/redactor.ts';
import { cleanMessage } from './clean.ts';
import { createContamination } from './decontaminate.ts';
import { linesOfDocument } from './document.ts';
import { trainable } from './trainable.ts';
import type { Changed, GoneRow, KeptRow, NearKeys, RowKeys, RowOptions, RowResult } from './types.ts';
import { faultOf, isEmpty } from './validate.ts';

/** Told of every row whose texts a stage changed. */
export type Watch = (stage: 'normalise' | 'redact', id: string, before: Texts, after: Texts) => void;

export type ProcessRow = (entry: Assembled) => RowResult;

/** Rows, normalise, validate, redact, quality, decontaminate: a pure function of a row. */
export async function createRowProcessor(options: RowOptions, watch?: Watch): Promise<ProcessRow> {
  const { build, items } = options;
  const wordsOf = rememberWords();
  const contamination = createContamination(items, wordsOf);
  const qualityOf = build.quality === null ? null : await createQuality(build.quality);
  const redact = createRedact(build);

  function refine(entry: Entry, raw: Texts): RowResult {
    const changed: Changed[] = [];
    const texts = build.normalise ? cleaned(raw, changed) : raw;
    if (texts !== raw) watch?.('normalise', entry.id, raw, texts);
    const invalid = faultOf(texts.messages, entry);
    if (invalid !== null) return gone('validate', invalid, changed);
    const safe = redact(texts, changed);
    if (safe !== texts) watch?.('redact', entry.id, texts, safe);
    const poor =
      qualityOf && (entry.kind === 'learn' || entry.kind === 'replay') ? poorness(entry, safe, qualityOf) : null;
    if (poor !== null) return gone('quality', poor, changed);
    // Looked for in the texts as they were written, since placeholders would hide it.
    const item = contamination(texts.messages);
    if (item !== null) return gone('decontaminate', 'in_an_evaluation', changed, item);
    return paired(entry, safe, { changed, near: build.near_duplicates !== null, wordsOf });
  }

  return (entry) => {
    if ('fault' in entry) return gone('rows', entry.fault, []);
    const raw = trainableTexts(entry);
    return raw === null ? gone('rows', 'not_text', []) : refine(entry, raw);
  };
}

/** The first reason against a learned answer; null where there is none. */
function poorness({ author }: Entry, { messages }: Texts, qualityOf: QualityOf): string | null {
  const by = author === 'person' ? 'person' : 'model';
  return qualityOf({ messages, learn: [messages.length - 1], author: by })[0] ?? null;
}

function gone(stage: GoneRow['stage'], reason: string, changed: readonly Changed[], of?: string): GoneRow {
  return { texts: null, stage, reason, changed, ...(of !== undefined && { of }) };
}

/** The texts as a chat template takes them; null when they hold more than text. */
export function trainableTexts({ kind, messages, against, tools }: Entry): Texts | null {
  const clean = allTrainable(messages);
  if (clean === null) return null;
  const worse = against && trainable(against);
  if (kind === 'prefer' && worse === null) return null;
  const texts: Texts = { messages: clean };
  if (worse) texts.against = worse;
  if (tools.length > 0) texts.tools = tools;
  return texts;
}

/** The same list where nothing is to be changed, as it is with most. */
function allTrainable(messages: WireMessage[]): WireMessage[] | null {
  let clean: WireMessage[] | null = null;
  for (let at = 0; at < messages.length; at += 1) {
    const message = messages[at] as WireMessage;
    const said = trainable(message);
    if (said === null) return null;
    if (said !== message && clean === null) clean = messages.slice(0, at);
    clean?.push(said);
  }
  return clean ?? messages;
}

function cleaned(texts: Texts, changed: Changed[]): Texts {
  const messages = texts.messages.map(cleanMessage);
  const against = texts.against && cleanMessage(texts.against);
  const count =
    messages.filter((message, at) => message !== texts.messages[at]).length + (against === texts.against ? 0 : 1);
  if (count === 0) return texts;
  changed.push(['normalise', 'texts', count]);
  return { ...texts, messages, ...(against && { against }) };
}

/** Messages and the worse answer together, so that one value has one placeholder. */
function createRedact({ redact: kinds, region }: RowOptions['build']): (texts: Texts, changed: Changed[]) => Texts {
  if (kinds.length === 0) return (texts) => texts;
  const redactor = createRedactor({ kinds, ...(region !== null && { region: region as Region }) });
  return (texts, changed) => {
    const { messages, against } = texts;
    const { messages: clean, found } = redactMessages(against ? [...messages, against] : messages, redactor);
    const counts = Object.entries(found).filter(([, count]) => count > 0);
    if (counts.length === 0) return texts;
    for (const [kind, count] of counts) changed.push(['redact', kind, count]);
    const worse = against && clean.at(-1);
    return { ...texts, messages: clean.slice(0, messages.length), ...(worse && { against: worse }) };
  };
}

interface Pairing {
  changed: Changed[];
  near: boolean;
  wordsOf: WordsOf;
}

/** Without the worse answer where the two make no pair; gone for a preference that is none then. */
function paired({ kind }: Entry, texts: Texts, { changed, near, wordsOf }: Pairing): RowResult {
  const { against, ...rest } = texts;
  const keep = (kept: Texts, pair: KeptRow['pair']): KeptRow => ({
    texts: kept,
    keys: keysOf(kind, kept, { near, wordsOf }),
    changed,
    pair,
  });
  if (!against) return keep(texts, null);
  const fault = faultOfPair(texts.messages.at(-1) as WireMessage, against);
  if (fault === null) return keep(texts, 'made');
  return kind === 'prefer' ? gone('pairs', fault, changed) : keep(rest, fault);
}

function faultOfPair(answer: WireMessage, against: WireMessage): 'worse_answer_is_empty' | 'both_say_the_same' | null {
  if (isEmpty(against)) return 'worse_answer_is_empty';
  return answerKey(answer) === answerKey(against) ? 'both_say_the_same' : null;
}

function keysOf(
  kind: Entry['kind'],
  { messages, against, tools }: Texts,
  { near, wordsOf }: Pick<Pairing, 'near' | 'wordsOf'>,
): RowKeys {
  const answer = messages.at(-1) as WireMessage;
  return {
    prompt: promptKey(messages.slice(0, -1), tools),
    answer: numberOfKey(answerKey(answer)),
    worse: kind === 'prefer' && against ? numberOfKey(answerKey(against)) : -1,
    bare: bareKey(answer, wordsOf),
    size: textOf(answer.content).length,
    near: near ? nearKeys(messages, wordsOf) : null,
  };
}

/** The first 53 bits of a key. */
function numberOfKey(key: string): number {
  let number = key.charCodeAt(6) & 31;
  for (let byte = 5; byte >= 0; byte -= 1) number = number * 256 + key.charCodeAt(byte);
  return number;
}

function nearKeys(messages: readonly WireMessage[], wordsOf: WordsOf): NearKeys {
  const shingles = shinglesOfLines(linesOfDocument(messages), wordsOf);
  const words = new Uint32Array(bandCount + shingles.length);
  bandsOf(shingles, words, 0);
  words.set(shingles, bandCount);
  return { words, bandsAt: 0, shinglesFrom: bandCount, shinglesTo: words.length };
}
