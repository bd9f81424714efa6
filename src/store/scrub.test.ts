import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createQuotes } from '../core/quotes.ts';
import { appendEvent, readEvents } from './event-log.ts';
import { uuidv7 } from './ids.ts';
import { linesOf } from './lines.ts';
import { fileHolds, scrubFolder } from './scrub.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-scrub-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const secret = 'I live at Quillonix Lane 14 in "Verbatium"';
const quotes = createQuotes([secret]);

test('what a log quotes is blanked where it stands, and ids of events still lead to the same events', async () => {
  const cycle = uuidv7();
  const event = (message: string) => {
    return { at: 'now', cycle, step: null, kind: 'log' as const, data: { message } };
  };
  for (const message of ['before', `Ollama said: ${secret}!`, 'after'])
    await appendEvent(folder, cycle, event(message));
  const before = await readEvents(folder, cycle, 0);
  expect(await scrubFolder(folder, quotes, true)).toHaveLength(1);
  expect(await readEvents(folder, cycle, 0)).toEqual(before);
  const path = join(folder, 'cycles', cycle, 'events.jsonl');
  expect(await scrubFolder(folder, quotes)).toEqual([path]);
  const after = await readEvents(folder, cycle, 0);
  expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  expect(after[1]?.event.data.message).toMatch(/^Ollama said: -+!$/);
  expect(await readFile(path, 'utf8')).not.toContain('Quillonix');
  expect(await scrubFolder(folder, quotes)).toEqual([]);
});

test('it is found across the edges of what is read at once, in every text file and in no other', async () => {
  await mkdir(join(folder, 'deep'));
  const text = `${'x'.repeat(4 * 2 ** 20 - 10)}${secret}${'y'.repeat(4 * 2 ** 20)}${secret}`;
  await writeFile(join(folder, 'deep', 'train.log.1'), text);
  await writeFile(join(folder, 'deep', 'weights.safetensors'), secret);
  expect(await fileHolds(join(folder, 'deep', 'train.log.1'), [secret])).toBe(true);
  expect(await scrubFolder(folder, quotes)).toEqual([join(folder, 'deep', 'train.log.1')]);
  const left = await readFile(join(folder, 'deep', 'train.log.1'), 'utf8');
  expect(left).toBe(text.replaceAll(secret, '-'.repeat(secret.length)));
  await appendFile(join(folder, 'deep', 'train.log.1'), 'more');
  expect(await fileHolds(join(folder, 'deep', 'train.log.1'), [secret])).toBe(false);
  expect(await fileHolds(join(folder, 'nowhere'), [secret])).toBe(false);
  expect(await scrubFolder(join(folder, 'nowhere'), quotes)).toEqual([]);
});

test('a line ends at a line feed only, wherever the file is cut', async () => {
  const lines = ['{"a":"\u2028 \u2029 \r"}', '', 'ü'.repeat(300_000), 'last'];
  for (const end of ['\n', '']) {
    await writeFile(join(folder, 'lines'), lines.join('\n') + end);
    expect(await readAll(linesOf(join(folder, 'lines')))).toEqual(lines);
  }
  await writeFile(join(folder, 'lines'), '');
  expect(await readAll(linesOf(join(folder, 'lines')))).toEqual([]);
});

async function readAll<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
