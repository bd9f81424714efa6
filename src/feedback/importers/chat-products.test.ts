import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { importFile, sourceOf } from '../../../test/fixtures/imports/reading.ts';
import { importers } from './all.ts';
import { chooseImporter } from './choose.ts';

test('the jsonl of AnythingLLM is that of OpenAI too, so that one has to say it', async () => {
  const source = sourceOf(await readFile(importFile('anythingllm/chats.jsonl')), 'chats.jsonl');
  await expect(chooseImporter(importers, source)).rejects.toThrow(
    /^chats\.jsonl could be anythingllm or openai-sft: say it with --format/,
  );
  expect((await chooseImporter(importers, source, 'anythingllm')).format).toBe('anythingllm');
});
