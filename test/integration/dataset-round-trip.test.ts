import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Json, type JsonObject, isObject } from '../../src/core/canonical.ts';
import type { DatasetRow } from '../../src/core/dataset.ts';
import type { WireMessage } from '../../src/core/message.ts';
import { exporterOf } from '../../src/dataset/export/all.ts';
import { type Losses, createTally } from '../../src/dataset/export/tally.ts';
import type { ExportSource, JudgedAnswer, Pair } from '../../src/dataset/export/types.ts';
import { importers } from '../../src/feedback/importers/all.ts';
import { chooseImporter } from '../../src/feedback/importers/choose.ts';
import type { ImportItem, ImportSource, ImportedExchange } from '../../src/feedback/importers/types.ts';

/** Rows as a source, with each row's answer over another one, and as a good answer before a bad one. */
function sourceOf(rows: readonly DatasetRow[]): ExportSource {
  const parts = rows.map(({ id, messages, tools = [] }) => {
    return { id, tools, prompt: messages.slice(0, -1), answer: messages.at(-1) ?? { role: 'assistant' } };
  });
  const worse = { role: 'assistant', content: 'no, that is worse' };
  return {
    manifest: { name: 'support' } as ExportSource['manifest'],
    async *rows() {
      yield* rows;
    },
    async *pairs() {
      yield* parts.map(({ answer, ...part }): Pair => ({ ...part, chosen: answer, rejected: worse }));
    },
    async *judged() {
      yield* parts.map((part): JudgedAnswer => ({ ...part, good: true }));
      yield* parts.map((part): JudgedAnswer => ({ ...part, answer: worse, good: false }));
    },
  };
}

/** What the importer of a format makes of an export. */
async function roundTrip(
  format: string,
  importer: string,
  rows: readonly DatasetRow[],
): Promise<{ items: ImportItem[]; losses: Losses }> {
  const { note, losses } = createTally();
  const { encoding, examples } = exporterOf(format);
  const chunks: Uint8Array[] = [];
  for await (const chunk of encoding.encode(examples(sourceOf(rows), 'train', note))) chunks.push(chunk);
  const items: ImportItem[] = [];
  const source = sourceOfBytes(`train${encoding.extension}`, Buffer.concat(chunks));
  for await (const item of (await chooseImporter(importers, source, importer)).read(source)) items.push(item);
  return { items, losses };
}

function sourceOfBytes(name: string, held: Buffer): ImportSource {
  return {
    name,
    size: held.length,
    async *bytes() {
      yield held;
    },
    slice: (from, to) => Promise.resolve(held.subarray(from, to)),
  };
}

function said({ chat }: ImportedExchange): WireMessage[] {
  return [...chat.messages, ...chat.choices.map(({ message }) => message)];
}

/** Of each example the conversation to its end: formats that mask nothing give one exchange for each answer as well. */
function conversations(items: readonly ImportItem[]): WireMessage[][] {
  const last = new Map<string, WireMessage[]>();
  for (const item of items) {
    if (item.kind === 'left-out') throw new Error(`${item.at}: ${item.reason} ${item.detail ?? ''}`);
    last.set(item.at, said(item));
  }
  return [...last.values()];
}

type Change = (message: WireMessage) => WireMessage;

const same: Change = (message) => message;

/** Arguments of a tool call as their value: their text is written anew on the way. */
const withArgumentValues: Change = (message) => {
  const { tool_calls: calls } = message;
  return Array.isArray(calls) ? { ...message, tool_calls: calls.map(valueOfCall) } : message;
};

function valueOfCall(call: Json): Json {
  if (!isObject(call) || !isObject(call.function)) return call;
  const given = call.function.arguments;
  const value = typeof given === 'string' ? (JSON.parse(given) as Json) : (given ?? null);
  return { ...call, function: { ...call.function, arguments: value } };
}

/** ShareGPT has no names and no ids of calls, and no text beside them. */
const withoutIds: Change = (message) => {
  const { name: _name, tool_call_id: _id, ...rest } = withArgumentValues(message);
  if (!Array.isArray(rest.tool_calls)) return { ...rest, role: message.role };
  const calls = rest.tool_calls.map((call) => (isObject(call) ? { ...call, id: '' } : call));
  return { ...rest, role: message.role, content: '', tool_calls: calls };
};

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((value) => value.trim() !== '');
const values = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 5 }),
  fc.oneof(fc.string(), fc.integer(), fc.boolean()),
);
const toolRound = fc
  .record({ asked: text, id: fc.uuid(), name: text, values, space: fc.nat(2), result: text })
  .map(({ asked, id, name, values: given, space, result }): WireMessage[] => [
    { role: 'user', content: asked },
    {
      role: 'assistant',
      content: '',
      tool_calls: [{ id, type: 'function', function: { name, arguments: JSON.stringify(given, null, space) } }],
    },
    { role: 'tool', content: result, tool_call_id: id },
    { role: 'assistant', content: `${result}!` },
  ]);
const plainRound = fc.tuple(text, text).map(([asked, answer]): WireMessage[] => [
  { role: 'user', content: asked },
  { role: 'assistant', content: answer },
]);

/** Rows of several rounds, with instructions or without. */
function rowsOf(round: fc.Arbitrary<WireMessage[]>): fc.Arbitrary<DatasetRow[]> {
  const one = fc.record({ system: fc.option(text), rounds: fc.array(round, { minLength: 1, maxLength: 3 }) });
  return fc.array(one, { minLength: 1, maxLength: 4 }).map((made) =>
    made.map(({ system, rounds }, at): DatasetRow => {
      const messages = [...(system === null ? [] : [{ role: 'system', content: system }]), ...rounds.flat()];
      const id = String(at);
      const meta = { completion: id, choice: 0, signal: 'approved' as const, author: 'a', node: id };
      return { id, messages, learn: [messages.length - 1], meta };
    }),
  );
}

const plain = rowsOf(plainRound);
const any = rowsOf(fc.oneof(plainRound, toolRound));

test.each<[string, string, fc.Arbitrary<DatasetRow[]>, Change]>([
  ['openai-sft', 'openai-sft', any, same],
  ['trl', 'trl', any, withArgumentValues],
  ['trl-prompt-completion', 'trl', any, withArgumentValues],
  ['sharegpt', 'sharegpt', any, withoutIds],
  ['alpaca', 'alpaca', plain, same],
  ['hugging-face', 'parquet', any, same],
])('%s: what is imported again is what was exported', async (format, importer, rows, change) => {
  await fc.assert(
    fc.asyncProperty(rows, async (exported) => {
      const { items, losses } = await roundTrip(format, importer, exported);
      expect(conversations(items).map((messages) => messages.map(change))).toEqual(
        exported.map(({ messages }) => messages.map(change)),
      );
      expect(losses.left_out).toEqual({});
    }),
    { numRuns: 60 },
  );
});

test('openai-sft: answers that were context only are not taken for approved', async () => {
  await fc.assert(
    fc.asyncProperty(any, async (exported) => {
      const { items } = await roundTrip('openai-sft', 'openai-sft', exported);
      expect(items).toHaveLength(exported.length);
    }),
    { numRuns: 30 },
  );
});

test.each([
  ['openai-dpo', 'openai-dpo', same],
  ['trl-preference', 'trl', withArgumentValues],
] as const)('%s: the better answer is still the better one', async (format, importer, change) => {
  await fc.assert(
    fc.asyncProperty(any, async (exported) => {
      const { items } = await roundTrip(format, importer, exported);
      const exchanges = items.filter((item) => item.kind === 'exchange');
      const [better, worse] = [true, false].map((best) =>
        exchanges.filter(({ siblings }) => siblings?.best === best).map((item) => said(item).map(change)),
      );
      expect(better).toEqual(exported.map(({ messages }) => messages.map(change)));
      expect(worse?.map((messages) => messages.at(-1)?.content)).toEqual(exported.map(() => 'no, that is worse'));
    }),
    { numRuns: 60 },
  );
});

test('trl-kto: a good answer is still good, and a bad one bad', async () => {
  await fc.assert(
    fc.asyncProperty(any, async (exported) => {
      const { items } = await roundTrip('trl-kto', 'trl', exported);
      const rated = items.flatMap((item) =>
        item.kind === 'exchange'
          ? [{ messages: said(item).map(withArgumentValues), rating: item.feedback[0]?.rating }]
          : [],
      );
      const good = exported.map(({ messages }) => ({ messages: messages.map(withArgumentValues), rating: 1 }));
      expect(rated.slice(0, exported.length)).toEqual(good);
      expect(rated.slice(exported.length).map(({ rating }) => rating)).toEqual(exported.map(() => -1));
    }),
    { numRuns: 60 },
  );
});

test('tools come back as they were, from text and with their frame', async () => {
  const tools: JsonObject[] = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }];
  const messages = [
    { role: 'user', content: 'Where?' },
    { role: 'assistant', content: 'There.' },
  ];
  const meta = { completion: 'a', choice: 0, signal: 'approved' as const, author: 'a', node: 'a' };
  for (const [format, importer] of [
    ['openai-sft', 'openai-sft'],
    ['openai-dpo', 'openai-dpo'],
    ['trl', 'trl'],
    ['trl-kto', 'trl'],
    ['sharegpt', 'sharegpt'],
    ['hugging-face', 'parquet'],
  ] as const) {
    const { items } = await roundTrip(format, importer, [{ id: 'a', messages, tools, learn: [1], meta }]);
    const [first] = items;
    expect(first?.kind === 'exchange' ? first.chat.envelope : first).toMatchObject({ tools });
  }
});
