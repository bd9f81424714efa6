import { canonicalJson } from '../../core/canonical.ts';
import { type WireMessage, textOf } from '../../core/message.ts';
import type { Assembled } from '../assemble.ts';
import type { Texts } from '../draft.ts';
import type { Entry } from '../entry.ts';
import { bandCount } from '../near/signature.ts';
import { cleanMessage } from './clean.ts';
import { type Edit, edited, editsBetween } from './edits.ts';
import { trainableTexts } from './process-row.ts';
import type { GoneRow, KeptRow, RowResult } from './types.ts';

// What the row stages said of a row, without a word of its texts: cleaning is done again, and of redaction stand the places.

/** Edits of the messages that were redacted, by their place; −1 is the worse answer. */
type Patch = [at: number, edits: Edit[]][];

const pairs: readonly KeptRow['pair'][] = [null, 'made', 'worse_answer_is_empty', 'both_say_the_same'];
const [gone, keptWithout, keptWith] = [0, 1, 2];
const bandBytes = bandCount * 4;

/** The bytes of a result; null for one that cannot be told without words of the row. */
export function encodeResult(entry: Assembled, result: RowResult): Buffer | null {
  if (result.texts === null) {
    return Buffer.concat([Buffer.of(gone), Buffer.from(JSON.stringify(result))]);
  }
  const { keys, changed, pair } = result;
  const { bands } = keys;
  const strings = Buffer.from(`${keys.promptKey}${keys.answerKey}`, 'latin1');
  const patch = changed.length === 0 ? [] : patchOf(entry as Entry, result);
  if (patch === null) return null;
  const extra = changed.length === 0 ? '' : JSON.stringify([changed, patch]);
  const head = Buffer.alloc(16);
  head.writeUInt8(bands ? keptWith : keptWithout, 0);
  head.writeUInt8(pairs.indexOf(pair), 1);
  head.writeUInt8(keys.promptKey.length, 2);
  head.writeUInt8(keys.answerKey.length, 3);
  head.writeUInt32LE(keys.size, 4);
  head.writeDoubleLE(keys.bareKey, 8);
  const ofBands = bands ? Buffer.from(bands.buffer, bands.byteOffset, bandBytes) : Buffer.alloc(0);
  return Buffer.concat([head, strings, ofBands, Buffer.from(extra)]);
}

/** The result that these bytes are of, with the texts of the row made again. */
export function decodeResult(entry: Assembled, bytes: Buffer): RowResult {
  const form = bytes.readUInt8(0);
  if (form === gone) return JSON.parse(bytes.toString('utf8', 1)) as GoneRow;
  const [promptLength, answerLength] = [bytes.readUInt8(2), bytes.readUInt8(3)];
  const [answerAt, bandsAt] = [16 + promptLength, 16 + promptLength + answerLength];
  const extraAt = bandsAt + (form === keptWith ? bandBytes : 0);
  const extra = extraAt < bytes.length ? bytes.toString('utf8', extraAt) : '[[],[]]';
  const [changed, patch] = JSON.parse(extra) as [KeptRow['changed'], Patch];
  const pair = pairs[bytes.readUInt8(1)] ?? null;
  return {
    texts: patched(cleanTexts(entry as Entry, changed), patch, pair),
    keys: {
      promptKey: bytes.toString('latin1', 16, answerAt),
      answerKey: bytes.toString('latin1', answerAt, bandsAt),
      bareKey: bytes.readDoubleLE(8),
      size: bytes.readUInt32LE(4),
      bands: form === keptWith ? bandsIn(bytes, bandsAt) : null,
    },
    changed,
    pair,
  };
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

function bandsIn(bytes: Buffer, at: number): Uint32Array {
  const bands = new Uint32Array(bandCount);
  for (let band = 0; band < bandCount; band += 1) bands[band] = bytes.readUInt32LE(at + band * 4);
  return bands;
}
