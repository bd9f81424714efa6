import { canonicalJson } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';
import type { Assembled } from '../assemble.ts';
import type { Texts } from '../draft.ts';
import type { Entry } from '../entry.ts';
import { bandCount } from '../near/signature.ts';
import { trainableTexts } from './process-row.ts';
import type { GoneRow, KeptRow, RowResult } from './types.ts';

// What the row stages said of a row, without its texts: where they changed one, the message that it became.

/** Messages that are others now, by their place; −1 is the worse answer. */
type Patch = [at: number, message: WireMessage][];

const pairs: readonly KeptRow['pair'][] = [null, 'made', 'worse_answer_is_empty', 'both_say_the_same'];
const [gone, keptWithout, keptWith] = [0, 1, 2];
const bandBytes = bandCount * 4;

/** The bytes of a result. */
export function encodeResult(entry: Assembled, result: RowResult): Buffer {
  if (result.texts === null) {
    return Buffer.concat([Buffer.of(gone), Buffer.from(JSON.stringify(result))]);
  }
  const { keys, changed, pair, texts } = result;
  const { bands } = keys;
  const strings = Buffer.from(`${keys.promptKey}${keys.answerKey}`, 'latin1');
  const extra = changed.length === 0 ? '' : JSON.stringify([changed, patchOf(entry as Entry, texts)]);
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
  const raw = trainableTexts(entry as Entry);
  if (raw === null) throw new Error('a row that was kept has texts');
  const [promptLength, answerLength] = [bytes.readUInt8(2), bytes.readUInt8(3)];
  const [answerAt, bandsAt] = [16 + promptLength, 16 + promptLength + answerLength];
  const extraAt = bandsAt + (form === keptWith ? bandBytes : 0);
  const extra = extraAt < bytes.length ? bytes.toString('utf8', extraAt) : '[[],[]]';
  const [changed, patch] = JSON.parse(extra) as [KeptRow['changed'], Patch];
  const pair = pairs[bytes.readUInt8(1)] ?? null;
  return {
    texts: patched(raw, patch, pair),
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

function patchOf(entry: Entry, { messages, against }: Texts): Patch {
  const raw = trainableTexts(entry);
  if (raw === null) return [];
  const patch: Patch = [];
  for (const [at, message] of messages.entries()) {
    if (canonicalJson(message) !== canonicalJson(raw.messages[at])) patch.push([at, message]);
  }
  if (against && canonicalJson(against) !== canonicalJson(raw.against)) patch.push([-1, against]);
  return patch;
}

function patched({ messages, against, tools }: Texts, patch: Patch, pair: KeptRow['pair']): Texts {
  const changed = new Map(patch);
  const worse = pair === 'made' ? (changed.get(-1) ?? against) : undefined;
  return {
    messages: changed.size === 0 ? messages : messages.map((message, at) => changed.get(at) ?? message),
    ...(worse && { against: worse }),
    ...(tools && { tools }),
  };
}

function bandsIn(bytes: Buffer, at: number): Uint32Array {
  const bands = new Uint32Array(bandCount);
  for (let band = 0; band < bandCount; band += 1) bands[band] = bytes.readUInt32LE(at + band * 4);
  return bands;
}
