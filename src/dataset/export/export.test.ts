import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JsonObject } from '../../core/canonical.ts';
import { type DatasetRow, type Split, splits } from '../../core/dataset.ts';
import type { WireMessage } from '../../core/message.ts';
import { sha256Hex } from '../../store/digest.ts';
import { writeDataset } from '../write.ts';
import { openRatedChats } from '../fixtures/rated-chats.ts';
import { exporterOf, exporters } from './all.ts';
import { createExportSource } from './source.ts';
import { type ExportManifest, writeExport } from './write-export.ts';

const say = (role: string, content: string, more: JsonObject = {}): WireMessage => ({ role, content, ...more });
const call = (text: string): JsonObject => ({
  id: 'c1',
  type: 'function',
  function: { name: 'look', arguments: text },
});
const look = { name: 'look', parameters: { type: 'object' } };
const tools = [{ type: 'function', function: look }];

function row(id: string, messages: WireMessage[], more: Partial<DatasetRow> = {}): DatasetRow {
  const meta = { completion: id, choice: 0, signal: 'approved' as const, author: 'ollama/tiny', node: id };
  return { id: `${id}.0`, messages, learn: [messages.length - 1], meta, ...more };
}

const single = [say('user', 'Où?'), say('assistant', 'Là.')];
const context = [say('system', 'Short.'), ...single, say('user', 'Sure?'), say('assistant', 'Yes')];
const calling = [
  say('user', 'Look'),
  say('assistant', '', { tool_calls: [call('{"at": "x"}')] }),
  say('tool', 'seen', { tool_call_id: 'c1' }),
  say('assistant', 'It is there'),
];

interface Written {
  manifest: ExportManifest;
  /** The text of each file, by name. */
  files: Record<string, string>;
}

/** Writes rows as a dataset version without a record of its chats, and exports it. */
async function exportRows(format: string, rows: DatasetRow[], wanted: readonly Split[] = splits): Promise<Written> {
  await using chats = await openRatedChats();
  const datasetsDir = join(chats.folder, 'datasets');
  const facts = { name: 'support', recipe: 'r', collection: 'c', signals: {}, stages: [] };
  const manifest = await writeDataset(
    datasetsDir,
    rows.map((line) => ['train.jsonl', line] as const),
    facts,
  );
  const record = { digest: manifest.digest, name: 'support', manifest, cycleId: null, createdAt: 0, redacted: null };
  const source = createExportSource({ datasetsDir }, record);
  const folder = join(chats.folder, 'out');
  await mkdir(folder);
  const told = await writeExport(folder, exporterOf(format), source, wanted);
  const names = await readdir(folder);
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
  );
  return { manifest: told, files: Object.fromEntries(texts) };
}

const linesIn = (text = ''): unknown[] => text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));

const argued = [
  calling[0],
  say('assistant', '', { tool_calls: [{ ...call(''), function: { name: 'look', arguments: { at: 'x' } } }] }),
  ...calling.slice(2),
];
const humanSingle = [
  { from: 'human', value: 'Où?' },
  { from: 'gpt', value: 'Là.' },
];

test.each<[string, WireMessage[], unknown, Partial<ExportManifest>]>([
  ['openai-sft', single, { messages: single }, {}],
  ['openai-sft', context, { messages: context.with(2, say('assistant', 'Là.', { weight: 0 })) }, {}],
  ['trl', single, { messages: single }, {}],
  ['trl', context, { messages: context }, { reduced: { earlier_answers_are_learned_too: 1 } }],
  ['trl', calling, { messages: argued, tools }, { reduced: { earlier_answers_are_learned_too: 1 } }],
  ['trl-prompt-completion', context, { prompt: context.slice(0, -1), completion: [say('assistant', 'Yes')] }, {}],
  ['sharegpt', single, { conversations: humanSingle }, {}],
  [
    'sharegpt',
    context,
    {
      conversations: [...humanSingle, { from: 'human', value: 'Sure?' }, { from: 'gpt', value: 'Yes' }],
      system: 'Short.',
    },
    { reduced: { earlier_answers_are_learned_too: 1 } },
  ],
  [
    'sharegpt',
    calling,
    {
      conversations: [
        { from: 'human', value: 'Look' },
        { from: 'function_call', value: '{"name":"look","arguments":{"at":"x"}}' },
        { from: 'observation', value: 'seen' },
        { from: 'gpt', value: 'It is there' },
      ],
      tools: JSON.stringify([look]),
    },
    { reduced: { earlier_answers_are_learned_too: 1, tool_call_ids: 1 } },
  ],
])('%s of %j', async (format, messages, expected, losses) => {
  const { files, manifest } = await exportRows(format, [row('a', messages, messages === calling ? { tools } : {})]);
  expect(linesIn(files['train.jsonl'])).toEqual([expected]);
  expect(manifest).toMatchObject({ left_out: {}, reduced: {}, ...losses });
});

test('alpaca is one list, with the rounds before as history', async () => {
  const { files, manifest } = await exportRows('alpaca', [row('a', single), row('b', context)]);
  expect(JSON.parse(files['train.json'] ?? '')).toEqual([
    { instruction: 'Où?', input: '', output: 'Là.' },
    { instruction: 'Sure?', input: '', output: 'Yes', system: 'Short.', history: [['Où?', 'Là.']] },
  ]);
  expect(JSON.parse(files['val.json'] ?? '')).toEqual([]);
  expect(manifest.reduced).toEqual({ earlier_answers_are_learned_too: 1 });
});

test.each<[string, WireMessage[], string]>([
  ['alpaca', calling, 'tool_calls'],
  ['alpaca', [say('user', '1'), ...single], 'turns_do_not_alternate'],
  ['alpaca', [...single, say('system', 'Now short.'), ...single], 'system_message_in_the_middle'],
  ['sharegpt', [say('user', '1'), ...single], 'turns_do_not_alternate'],
  ['sharegpt', [...single, say('system', 'Now short.'), ...single], 'system_message_in_the_middle'],
  ['sharegpt', calling.with(1, say('assistant', 'Wait', { tool_calls: [call('{}')] })), 'text_beside_tool_calls'],
  ['sharegpt', calling.with(1, say('assistant', '', { tool_calls: [call('no')] })), 'tool_call_of_another_kind'],
  ['sharegpt', [say('function', 'old'), ...single], 'role_has_no_name'],
])('%s leaves out %j: %s', async (format, messages, reason) => {
  const { manifest } = await exportRows(format, [row('a', messages), row('b', single)]);
  expect(manifest.left_out).toEqual({ [reason]: 1 });
  expect(manifest.examples).toContainEqual({ at: 'a.0', reason });
  expect(manifest.files[0]?.rows).toBe(1);
});

test('what is only a detail is written without, and counted', async () => {
  const named = [say('user', 'I', { name: 'anna' }), say('assistant', 'you')];
  const other = { tools: [{ type: 'web_search' }, ...tools] };
  expect((await exportRows('sharegpt', [row('a', named, other)])).manifest.reduced).toEqual({
    names: 1,
    tools_that_are_no_functions: 1,
  });
  expect((await exportRows('alpaca', [row('a', named, other)])).manifest.reduced).toEqual({ names: 1, tools: 1 });
  const odd = calling.with(1, say('assistant', '', { tool_calls: [call('not JSON')] }));
  expect((await exportRows('trl', [row('a', odd)])).manifest.reduced).toMatchObject({ tool_arguments_stay_text: 1 });
});

test.each([
  ['sharegpt', 'train.jsonl', { messages: 'conversations', system: 'system' }],
  [
    'alpaca',
    'train.json',
    { prompt: 'instruction', query: 'input', response: 'output', system: 'system', history: 'history' },
  ],
])('%s has a dataset_info.json with the columns that occur', async (format, file_name, columns) => {
  const { files } = await exportRows(format, [row('a', context)]);
  expect(JSON.parse(files['dataset_info.json'] ?? '')).toEqual({
    support_train: { file_name, formatting: format, columns },
  });
});

test.each(exporters.map(({ format }) => format))(
  '%s is written to the same bytes again, and tells them',
  async (format) => {
    const rows = [row('a', single), row('b', context), row('c', calling, { tools })];
    const one = await exportRows(format, rows);
    expect(one).toEqual(await exportRows(format, rows));
    for (const { name, digest, bytes } of one.manifest.files) {
      if (name.endsWith('.parquet')) continue;
      expect(digest).toBe(sha256Hex(one.files[name] ?? ''));
      expect(bytes).toBe(Buffer.byteLength(one.files[name] ?? ''));
    }
    expect(JSON.parse(one.files['manifest.json'] ?? '')).toEqual(one.manifest);
    expect(one.manifest.files.map(({ split }) => split)).toEqual([...splits]);
    const part = await exportRows(format, rows, ['val']);
    expect(part.manifest.files.map(({ split }) => split)).toEqual(['val']);
  },
);

test('a format that there is not is told with those that there are', () => {
  expect(() => exporterOf('csv')).toThrow(/There is no format "csv": use one of openai-sft, /);
});
