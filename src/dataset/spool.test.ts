import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Texts } from './draft.ts';
import { createSpool } from './spool.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-spool-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const messages = [
  { role: 'user', content: 'Äh "what" \n?' },
  { role: 'assistant', content: '\ud83d\ude00 it.' },
];
const against = { role: 'assistant', content: 'no' };
const tools = [{ type: 'function', function: { name: 'look' } }];

test('texts come back as they went in, with the JSON of their messages known or not', () => {
  const all: Texts[] = [{ messages }, { messages, against }, { messages, tools }, { messages: [], against, tools }];
  const spool = createSpool(join(folder, 'texts'));
  for (const texts of all) spool.add(texts);
  for (const texts of all) spool.add(texts, JSON.stringify(texts.messages));
  expect([...all, ...all].map((_, at) => spool.read(at))).toEqual([...all, ...all]);
  spool.close();
});
