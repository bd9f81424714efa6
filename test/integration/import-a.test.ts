import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import { type ApiProcess, startApiProcess } from '../fixtures/api-process.ts';
import { writeBigList, writeBigZip } from '../fixtures/imports/big-files.ts';
import { importFile } from '../fixtures/imports/reading.ts';
import { zipOf } from '../fixtures/imports/zip.ts';

let api: ApiProcess;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-import-'));
  const nowhere = 'http://127.0.0.1:1';
  api = await startApiProcess({ OLLAMA_BASE_URL: nowhere, OPENAI_BASE_URL: nowhere });
});
afterAll(async () => {
  await api.remove();
  await rm(folder, { recursive: true, force: true });
});

interface Outcome {
  code: number;
  out: string;
  said: string;
}

async function node(...args: string[]): Promise<Outcome> {
  const env = childEnvironment({ RATCHET_API_KEY: 'the-admin-key-of-this-test', RATCHET_HOME: api.home });
  const child = spawn(process.execPath, args, { env });
  const outcome = { out: '', said: '' };
  child.stdout.setEncoding('utf8').on('data', (more: string) => (outcome.out += more));
  child.stderr.setEncoding('utf8').on('data', (more: string) => (outcome.said += more));
  child.stdin.end();
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...outcome };
}

async function importing(file: string, owner: string, ...options: string[]): Promise<unknown> {
  const command = [join(packageRoot, 'bin/ratchet.js'), 'import', file, '--url', api.url, '--owner', owner, '--json'];
  const { code, out, said } = await node(...command, ...options);
  expect(code, said).toBe(0);
  return JSON.parse(out);
}

interface Completion {
  id: string;
  model: string;
  messages: { role: string; content: string }[];
  choices: { message: { content: string } }[];
}

interface Event {
  completion_id: string;
  rating: number | null;
  score: number | null;
  comment: string | null;
  tags: string[];
  correction: { content: string } | null;
  preferred_over: { completion_id: string }[];
}

/** All pages of a list. */
async function read<T>(path: string): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const response = await api.send('GET', `${path}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    expect(response.status).toBe(200);
    const page = (await response.json()) as { items: T[]; next: string | null };
    all.push(...page.items);
    cursor = page.next;
  }
  return all;
}

/** What was said of the chats of somebody, in words: `answer: +1 0.5 "comment" [tags] > answer`. */
async function saidOf(owner: string): Promise<string[]> {
  const chats = await read<Completion>(`/api/completions?owner=${owner}&limit=100`);
  const answers = new Map(chats.map(({ id, choices }) => [id, choices[0]?.message.content ?? '']));
  const events = await read<Event>('/api/feedback?limit=200');
  return events
    .filter(({ completion_id: id }) => answers.has(id))
    .map((event) =>
      [
        `${answers.get(event.completion_id)}`,
        event.rating ?? '',
        event.score?.toFixed(2) ?? '',
        event.comment ?? '',
        event.tags.join(','),
        event.correction?.content ?? '',
        event.preferred_over.map(({ completion_id: id }) => `> ${answers.get(id)}`).join(' '),
      ]
        .filter((part) => part !== '')
        .join(' | '),
    );
}

/** The export of ChatGPT that the fixtures make. */
async function chatgptZip(): Promise<string> {
  const names = ['conversations.json', 'message_feedback.json', 'model_comparisons.json'];
  const files = await Promise.all(names.map(async (name) => [name, await readFile(importFile(`chatgpt/${name}`))]));
  const path = join(folder, 'export.zip');
  await writeFile(path, zipOf(Object.fromEntries(files) as Record<string, Buffer>));
  return path;
}

const formats: [string, () => string | Promise<string>, [number, number], Record<string, number>, string[]][] = [
  [
    'open-webui',
    () => importFile('open-webui/feedback.json'),
    [6, 6],
    { 'no messages': 1, 'not of this format': 1 },
    [
      'From March, under glass. | 1 | gardening',
      'In June, a hand apart. | > Whenever you like.',
      'It is a vegetable. | 1 | 1.00 | Just so. | accurate_information,food',
      'It is a vegetable. | > Yes, a fruit.',
      'Whenever you like. | -1 | 0.00',
      'Everything. | -1 | 0.11 | too short | compost | Peelings, leaves, and no meat.',
    ],
  ],
  [
    'librechat',
    () => importFile('librechat/branches.json'),
    [3, 2],
    { 'no answer': 1, 'not text': 1 },
    ['Leek and potato. | 1 | Made it. | clear_well_written', 'Tomato, from a tin. | -1 | inaccurate'],
  ],
  [
    'anythingllm',
    () => importFile('anythingllm/chats.json'),
    [3, 2],
    { 'no answer': 1, 'not text': 1 },
    ['There is none. | -1', 'Under the pot. | 1'],
  ],
  [
    'chatgpt',
    chatgptZip,
    [5, 3],
    { 'no answer': 1, 'not text': 1 },
    [
      'Boiling. | -1 | That is black tea. | false,not-helpful',
      'Eighty degrees. | 1',
      'Two or three minutes. | > Two minutes.',
    ],
  ],
];

describe('ratchet import', () => {
  test.each(formats)(
    '%s: said first, then written, and known the second time',
    async (format, file, counts, leftOut, said) => {
      const path = await file();
      const [chats, feedback] = counts;
      const fresh = { chats: { written: chats, known: 0 }, feedback: { written: feedback, known: 0 } };
      expect(await importing(path, format, '--dry-run')).toMatchObject({ format, ...fresh, left_out: leftOut });
      expect(await read(`/api/completions?owner=${format}`)).toEqual([]);

      expect(await importing(path, format)).toMatchObject({ format, ...fresh, left_out: leftOut });
      expect(await read(`/api/completions?owner=${format}`)).toHaveLength(chats);
      expect(new Set(await saidOf(format))).toEqual(new Set(said));

      const known = { chats: { written: 0, known: chats }, feedback: { written: 0, known: feedback } };
      expect(await importing(path, format)).toMatchObject({ format, ...known, left_out: leftOut });
      expect(await saidOf(format)).toHaveLength(said.length);
    },
  );

  test('the chats of Open WebUI after its feedback add only what is not there', async () => {
    const file = importFile('open-webui/feedback.json');
    await importing(file, 'both');
    const before = await read<Completion>('/api/completions?owner=both');
    const after = await importing(importFile('open-webui/chats.json'), 'both');
    expect(after).toMatchObject({ chats: { written: 3, known: before.length } });
  });
});

const bigFiles: [string, (path: string) => Promise<number>, number][] = [
  [
    'open-webui',
    (path) => writeBigList(path, 'open-webui/feedback.json', 'From March, under glass.', megabytes(64)),
    6,
  ],
  ['librechat', (path) => writeBigList(path, 'librechat/list.json', 'Leek and potato.', megabytes(64)), 3],
  ['anythingllm', (path) => writeBigList(path, 'anythingllm/chats.json', 'Under the pot.', megabytes(64)), 3],
  ['chatgpt', (path) => writeBigZip(path, 'chatgpt/conversations.json', 'Boiling.', megabytes(64)), 5],
];

function megabytes(count: number): number {
  return count * 2 ** 20;
}

test.each(bigFiles)('%s: a file of 64 MiB is read in little memory', async (format, write, each) => {
  const path = join(folder, `big-${format}.${format === 'chatgpt' ? 'zip' : 'json'}`);
  const count = await write(path);
  // What would hold the file, or all that is in it, has no place in this.
  const { code, out, said } = await node(
    '--max-old-space-size=64',
    join(packageRoot, 'test/fixtures/read-big-import.ts'),
    path,
  );
  expect(code, said).toBe(0);
  const { most, ...read } = JSON.parse(out) as { format: string; exchanges: number; most: number };
  expect(read).toEqual({ format, exchanges: count * each });
  expect(most).toBeLessThan(megabytes(320));
  expect((await stat(path)).size).toBeGreaterThan(megabytes(format === 'chatgpt' ? 1 : 60));
  await rm(path);
});
