import { canonicalJson } from '../../core/canonical.ts';
import { type WireMessage, textOf } from '../../core/message.ts';
import type { Assembled } from '../assemble.ts';
import type { Texts } from '../draft.ts';
import type { Entry } from '../entry.ts';
import type { Block, ToldResult } from './block.ts';
import { cleanMessage } from './clean.ts';
import { type Edit, edited, editsBetween } from './edits.ts';
import { trainableTexts } from './process-row.ts';
import type { GoneRow, KeptRow, RowResult } from './types.ts';

// What the row stages said of a row, without a word of its texts: cleaning is done again, and of redaction stand the places.

/** Edits of the messages that were redacted, by their place; −1 is the worse answer. */
type Patch = [at: number, edits: Edit[]][];

/** Of a row of which nothing can be told: it is looked at again. */
export const untold: ToldResult & { keys: null } = { form: 'untold', pair: null, keys: null, extra: '' };

/** A result as a block keeps it; as nothing where it cannot be told without words of the row. */
export function tellResult(entry: Assembled, result: RowResult): ToldResult {
  if (result.texts === null) return { ...untold, form: 'gone', extra: JSON.stringify(result) };
  const { changed, pair, keys } = result;
  if (keys === null) throw new Error('of a row that was not looked at nothing new is told');
  const patch = changed.length === 0 ? [] : patchOf(entry as Entry, result);
  if (patch === null) return untold;
  const extra = changed.length === 0 ? '' : JSON.stringify([changed, patch]);
  return { form: keys.near ? 'kept-with-bands' : 'kept', pair, keys, extra };
}

/** The result that was told, with the texts of the row made again; null where nothing was. */
export function resultTold(entry: Assembled, block: Block, row: number): RowResult | null {
  const form = block.formOf(row);
  if (form === 'untold') return null;
  const extra = block.extraOf(row);
  if (form === 'gone') return JSON.parse(extra) as GoneRow;
  const pair = block.pairOf(row);
  if (extra === '') {
    return { texts: textsOfPair(trainableTexts(entry as Entry), pair), keys: null, changed: unchanged, pair };
  }
  const [changed, patch] = JSON.parse(extra) as [KeptRow['changed'], Patch];
  return { texts: patched(cleanTexts(entry as Entry, changed), patch, pair), keys: null, changed, pair };
}

const unchanged: KeptRow['changed'] = [];

/** The worse answer stands where it makes a pair. */
function textsOfPair(texts: Texts | null, pair: KeptRow['pair']): Texts {
  if (texts === null) throw new Error('a row that was kept has texts');
  if (pair === 'made' || texts.against === undefined) return texts;
  const { against: _, ...rest } = texts;
  return rest;
}

/** The texts before redaction, as the stages made them of the row. */
function cleanTexts(entry: Entry, changed: KeptRow['changed']): Texts {
  const raw = trainableTexts(entry);
  if (raw === null) throw new Error('a row that was kept has texts');
  if (!changed.some(([stage]) => stage === 'normalise')) return raw;
  const against = raw.against && cleanMessage(raw.against);
  return { ...raw, messages: raw.messages.map(cleanMessage), ...(against && { against }) };
}

/** Null where something else than text was changed, or in a way that edits cannot tell. */
function patchOf(entry: Entry, { texts, changed }: KeptRow): Patch | null {
  const clean = cleanTexts(entry, changed);
  const patch: Patch = [];
  const note = (at: number, before: WireMessage | undefined, after: WireMessage): boolean => {
    if (!before || canonicalJson({ ...before, content: null }) !== canonicalJson({ ...after, content: null }))
      return false;
    if (before.content === after.content) return true;
    const edits = editsBetween(textOf(before.content), textOf(after.content));
    if (edits) patch.push([at, edits]);
    return edits !== null;
  };
  const whole = texts.messages.every((message, at) => note(at, clean.messages[at], message));
  return whole && (!texts.against || note(-1, clean.against, texts.against)) ? patch : null;
}

function patched({ messages, against, tools }: Texts, patch: Patch, pair: KeptRow['pair']): Texts {
  const changed = new Map(patch);
  const made = (message: WireMessage, at: number): WireMessage => {
    const edits = changed.get(at);
    return edits ? { ...message, content: edited(textOf(message.content), edits) } : message;
  };
  const worse = pair === 'made' && against ? made(against, -1) : undefined;
  return {
    messages: changed.size === 0 ? messages : messages.map(made),
    ...(worse && { against: worse }),
    ...(tools && { tools }),
  };
}
