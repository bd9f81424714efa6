import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import { type JsonObject, isObject } from '../../src/core/canonical.ts';
import { importers } from '../../src/feedback/importers/all.ts';
import { openaiDpo } from '../../src/feedback/importers/openai-dpo.ts';
import { openaiSft } from '../../src/feedback/importers/openai-sft.ts';
import { type Harness, openHarness } from '../fixtures/gateway-harness.ts';
import { importFilesOf } from '../fixtures/imports/every.ts';
import { importFile, readAll, torn } from '../fixtures/imports/reading.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await openHarness({ providers: [] });
});
afterEach(() => harness.close());

async function ratchet(...args: string[]): Promise<{ code: number | null; said: string }> {
  const command = [join(packageRoot, 'bin/ratchet.js'), ...args, '--url', await harness.serve()];
  const child = spawn(process.execPath, command, { env: childEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, said };
}

/** The report of `ratchet import` with these arguments. */
async function report(...args: string[]): Promise<JsonObject> {
  const { code, said } = await ratchet('import', ...args, '--json');
  expect({ code, said }).toMatchObject({ code: 0 });
  const value: unknown = JSON.parse(said);
  return isObject(value) ? value : {};
}

interface Sum {
  chats: number;
  feedback: number;
  leftOut: JsonObject;
}

test.each<[string, Sum]>([
  ['openpipe/log.jsonl', { chats: 2, feedback: 0, leftOut: {} }],
  ['nvidia/log.jsonl', { chats: 1, feedback: 0, leftOut: {} }],
  ['openai-sft/train.jsonl', { chats: 2, feedback: 2, leftOut: {} }],
  ['openai-dpo/train.jsonl', { chats: 2, feedback: 1, leftOut: {} }],
  ['trl/preference.jsonl', { chats: 8, feedback: 4, leftOut: {} }],
  ['trl/kto.jsonl', { chats: 3, feedback: 3, leftOut: {} }],
  ['sharegpt/conversations.json', { chats: 8, feedback: 7, leftOut: {} }],
  ['alpaca/data.json', { chats: 6, feedback: 5, leftOut: {} }],
  ['langfuse/export.jsonl', { chats: 3, feedback: 5, leftOut: { 'no call of a model': 1 } }],
  ['litellm/spend.json', { chats: 2, feedback: 0, leftOut: { 'no messages': 1 } }],
  ['csv/sheet.csv', { chats: 3, feedback: 3, leftOut: {} }],
  ['parquet/table.parquet', { chats: 2, feedback: 2, leftOut: { 'no answer': 1 } }],
])('%s: told before, imported once, and known the second time', async (name, { chats, feedback, leftOut }) => {
  const format = name.split('/')[0] ?? '';
  const file = importFile(name);
  const written = { chats: { written: chats, known: 0 }, feedback: { written: feedback, known: 0 } };
  const known = { chats: { written: 0, known: chats }, feedback: { written: 0, known: feedback } };
  expect(await report(file, '--dry-run')).toMatchObject({ format, ...written, left_out: leftOut });
  expect((await harness.store.chats.list({}, { limit: 1 })).items).toEqual([]);
  expect(await report(file)).toMatchObject({ format, ...written, left_out: leftOut });
  expect(await report(file)).toMatchObject({ format, ...known, left_out: leftOut });
  const { items } = await harness.store.chats.list({}, { limit: 100 });
  expect(items).toHaveLength(chats);
  const events = await harness.store.feedback.ofCompletions(items.map(({ id }) => id));
  expect(events).toHaveLength(feedback);
  expect(events.every(({ source }) => source === format)).toBe(true);
});

test('a pair is recorded as a preference of the better answer over the other', async () => {
  await report(importFile('openai-dpo/train.jsonl'));
  const { items } = await harness.store.chats.list({}, { limit: 10 });
  const idOf = (beginning: string) =>
    items.find(({ choices }) => String(choices[0]?.message.content).startsWith(beginning))?.id;
  const [event, ...rest] = await harness.store.feedback.ofCompletions(items.map(({ id }) => id));
  expect(rest).toEqual([]);
  expect(event).toMatchObject({
    completionId: idOf('Today in San Francisco'),
    over: [{ completionId: idOf('It is not particularly'), choice: 0 }],
  });
});

test('a pair that stands in a file twice is one preference over one answer', async () => {
  const pair = await readFile(importFile('openai-dpo/train.jsonl'), 'utf8');
  const items = await readAll(openaiDpo, `${pair}\n${pair}`);
  const body = items.map((item) => JSON.stringify(item)).join('\n');
  const response = await harness.app.request('/api/import?source=openai-dpo', { method: 'POST', body });
  expect(await response.json()).toMatchObject({ chats: { written: 2, known: 2 }, feedback: { written: 1 } });
  expect(await report(importFile('openai-dpo/train.jsonl'))).toMatchObject({ feedback: { written: 0, known: 1 } });
});

test('a chat that stands in a file thrice is there once, and what is said of it too', async () => {
  const line = {
    messages: [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello.' },
    ],
  };
  const items = await readAll(openaiSft, Array(3).fill(JSON.stringify(line)).join('\n'));
  const body = items.map((item) => JSON.stringify(item)).join('\n');
  const response = await harness.app.request('/api/import?source=openai-sft', { method: 'POST', body });
  const counts = { written: 1, known: 2 };
  expect(await response.json()).toMatchObject({ chats: counts, feedback: counts, left_out: {} });
});

test('the answers of one conversation stand in one conversation', async () => {
  await report(importFile('trl/messages.jsonl'), '--format', 'trl');
  const { items } = await harness.store.chats.list({}, { limit: 10 });
  expect(items).toHaveLength(2);
  expect(new Set(items.map(({ conversationId }) => conversationId)).size).toBe(1);
});

test('what "import chats" wrote is known to "import" too', async () => {
  const file = importFile('openpipe/log.jsonl');
  expect((await ratchet('import', 'chats', file)).said).toMatch(/^2 chats imported, 0 known already/);
  expect(await report(file)).toMatchObject({ chats: { written: 0, known: 2 } });
});

test.each(importers)('$format: whatever becomes of a file, the API takes its items', async (importer) => {
  for (const name of importFilesOf(importer.format)) {
    const bytes = await readFile(importFile(`${importer.format}/${name}`));
    await fc.assert(
      fc.asyncProperty(torn(bytes), async (content) => {
        const items = await readAll(importer, content, name);
        const body = items.map((item) => JSON.stringify(item)).join('\n');
        const response = await harness.app.request(`/api/import?source=${importer.format}`, { method: 'POST', body });
        if (items.length > 0) expect(await response.text()).toContain('"dry_run":false');
      }),
      { numRuns: 15 },
    );
  }
});
