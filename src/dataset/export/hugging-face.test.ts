import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { JsonObject } from '../../core/canonical.ts';
import type { DatasetManifest, DatasetRow } from '../../core/dataset.ts';
import { hubCard } from './hub-card.ts';
import { huggingFace } from './hugging-face.ts';
import { createTally } from './tally.ts';

async function written(
  rows: DatasetRow[],
): Promise<{ file: ArrayBuffer; losses: ReturnType<typeof createTally>['losses'] }> {
  const { note, losses } = createTally();
  const source = {
    rows: () =>
      (async function* () {
        yield* rows;
      })(),
  };
  const chunks: Uint8Array[] = [];
  const examples = huggingFace.examples(source as never, 'train', note);
  for await (const chunk of huggingFace.encoding.encode(examples)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return { file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer, losses };
}

/** Without what a table fills in. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
  return Object.fromEntries(kept.map(([key, member]) => [key, withoutNulls(member)]));
}

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const toolCall = fc.record({
  id: text,
  type: fc.constant('function'),
  function: fc.record({ name: text, arguments: text }),
});
const message = fc.record(
  {
    role: fc.constantFrom('system', 'user', 'assistant', 'tool'),
    content: text,
    name: text,
    tool_calls: fc.array(toolCall, { maxLength: 3 }),
    tool_call_id: text,
  },
  { requiredKeys: ['role', 'content'] },
);
const row: fc.Arbitrary<DatasetRow> = fc
  .record({
    id: text,
    messages: fc.array(message, { minLength: 1, maxLength: 4 }),
    tools: fc.array(fc.record({ type: fc.constant('function'), function: fc.record({ name: text }) }), {
      minLength: 1,
      maxLength: 2,
    }),
    learn: fc.array(fc.nat(9), { maxLength: 3 }),
    meta: fc.oneof(
      fc.record({
        completion: text,
        choice: fc.nat(5),
        signal: fc.constantFrom('corrected' as const, 'approved' as const),
        author: text,
        node: text,
      }),
      fc.record({
        completion: fc.constant(null),
        choice: fc.constant(null),
        signal: fc.constant('replay' as const),
        author: text,
        node: fc.option(text),
        anchor: fc.option(text),
      }),
    ),
  })
  .map(
    (made): DatasetRow => ({ ...made, messages: made.messages.map((one) => ({ ...one })) as DatasetRow['messages'] }),
  );

test('any rows are read back as they were', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 8 }), async (rows) => {
      const { file, losses } = await written(rows);
      const read = rows.length === 0 ? [] : await parquetReadObjects({ file });
      expect(read.map(withoutNulls)).toEqual(
        rows.map(({ id, messages, tools, learn, meta: { completion, ...meta } }) => {
          const { anchor, ...others } = { anchor: null, ...meta };
          const told = { id, messages, tools: JSON.stringify(tools), learn, completion_id: completion, ...others };
          return withoutNulls({ ...told, anchor_id: anchor });
        }),
      );
      expect(losses.left_out).toEqual({});
    }),
    { numRuns: 60 },
  );
});

test('many rows are several groups, and none of them is a file as well', async () => {
  const meta = { completion: 'c', choice: 0, signal: 'approved' as const, author: 'a', node: 'n' };
  const one = { messages: [{ role: 'user', content: 'x' }], learn: [0], meta };
  const many = Array.from({ length: 1201 }, (_, at) => ({ id: String(at), ...one }));
  const { file } = await written(many);
  expect(parquetMetadata(file).row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([500, 500, 201]);
  expect((await parquetReadObjects({ file })).map(({ id }) => id as string)).toEqual(many.map(({ id }) => id));
  expect(parquetMetadata((await written([])).file).num_rows).toBe(0n);
});

test.each<JsonObject[]>([
  [{ id: 'x', type: 'custom', custom: { name: 'look', input: 'y' } }],
  [{ id: 'x', type: 'function', function: { name: 'look', arguments: '{}', strict: true } }],
])('a row with a tool call that has no columns is left out: %j', async (call) => {
  const meta = { completion: 'c', choice: 0, signal: 'approved' as const, author: 'a', node: 'n' };
  const messages = [{ role: 'assistant', content: '', tool_calls: [call] }];
  const { losses } = await written([{ id: 'a', messages, learn: [0], meta }]);
  expect(losses.left_out).toEqual({ tool_call_of_another_kind: 1 });
});

test('the card names the splits that have rows, and no licence', () => {
  const manifest = {
    name: 'support',
    digest: 'd',
    signals: { approved: 1200 },
  } as Partial<DatasetManifest> as DatasetManifest;
  const figures = { bytes: 10, digest: 'f' };
  const files = [
    { name: 'train.parquet', split: 'train' as const, rows: 1100, ...figures },
    { name: 'validation.parquet', split: 'val' as const, rows: 100, ...figures },
    { name: 'test.parquet', split: 'test' as const, rows: 0, ...figures },
  ];
  const card = hubCard({ manifest, files, columns: new Map() });
  expect(parse(card.split('---\n')[1] ?? '')).toEqual({
    pretty_name: 'support',
    task_categories: ['text-generation'],
    size_categories: ['1K<n<10K'],
    configs: [
      {
        config_name: 'default',
        data_files: [
          { split: 'train', path: 'train.parquet' },
          { split: 'validation', path: 'validation.parquet' },
        ],
      },
    ],
    dataset_info: {
      splits: [
        { name: 'train', num_bytes: 10, num_examples: 1100 },
        { name: 'validation', num_bytes: 10, num_examples: 100 },
      ],
    },
  });
});
