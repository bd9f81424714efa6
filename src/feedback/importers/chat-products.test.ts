import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { importFile, sourceOf } from '../../../test/fixtures/imports/reading.ts';
import { importers } from './all.ts';
import { chooseImporter } from './choose.ts';

test.each([
  ['open-webui', 'feedback.json'],
  ['open-webui', 'chats.json'],
  ['open-webui', 'chats.jsonl'],
  ['open-webui', 'malformed.txt'],
  ['librechat', 'branches.json'],
  ['librechat', 'recursive.json'],
  ['librechat', 'list.json'],
  ['librechat', 'malformed.txt'],
  ['anythingllm', 'chats.json'],
  ['anythingllm', 'malformed.txt'],
  ['chatgpt', 'conversations.json'],
  ['chatgpt', 'malformed.txt'],
])('among all formats %s is the only one that %s can be', async (format, name) => {
  const source = sourceOf(await readFile(importFile(`${format}/${name}`)), name);
  expect((await chooseImporter(importers, source)).format).toBe(format);
});

test('the jsonl of AnythingLLM is that of OpenAI too, so that one has to say it', async () => {
  const source = sourceOf(await readFile(importFile('anythingllm/chats.jsonl')), 'chats.jsonl');
  await expect(chooseImporter(importers, source)).rejects.toThrow(
    /^chats\.jsonl could be anythingllm or openai-sft: say it with --format/,
  );
  expect((await chooseImporter(importers, source, 'anythingllm')).format).toBe('anythingllm');
});
