import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RedactedManifest } from '../../src/dataset/forget/redacted.ts';
import { createForgetting } from '../../src/workspace/forgetting.ts';
import type { Store } from '../../src/store/types.ts';
import { assistant, chat, user } from '../contract/chat-samples.ts';
import { type Learned, type Places, learn, saltFor, withStore } from '../fixtures/learned-chats.ts';
import { type Said, makeUpChat } from '../fixtures/said.ts';

let home: string;
let places: Places;
let said: Said;
let conversation: string;
let learned: Learned;
/** The lines of the version's files as they were built, and those of them that are to stay. */
let built: string[];
const others = 12;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'ratchet-forgetting-'));
  places = { dataDir: join(home, 'data'), datasetsDir: join(home, 'datasets') };
  said = makeUpChat();
  const node = await withStore(places, async (store) => {
    const talk = await chat(store, [user(said.question)], said.answer);
    conversation = talk.conversationId;
    const more = await chat(store, [user(said.question), assistant(said.answer), user(said.system)], said.answer);
    expect(more.conversationId).toBe(conversation);
    const rated = { choice: 0, rater: 'bob', source: 'api', rating: 1 as const };
    for (const { id } of [talk, more]) await store.feedback.add({ ...rated, completionId: id, comment: said.system });
    for (let at = 0; at < others; at += 1) {
      const { id } = await chat(store, [user(`question ${at}`)], `answer ${at}`);
      await store.feedback.add({ ...rated, completionId: id });
    }
    return (await store.chats.get(talk.id))?.node ?? '';
  });
  learned = await learn(places, said.question, { salt: saltFor(node) }, 'ollama/learned');
  built = await linesOf();
  expect(built).toHaveLength(others + 2);
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function linesOf(): Promise<string[]> {
  const files = ['train', 'val', 'test'].map((split) => readFile(join(learned.folder, `${split}.jsonl`), 'utf8'));
  return (await Promise.all(files)).flatMap((text) => text.split('\n').filter((line) => line !== ''));
}

async function filesWith(texts: readonly string[]): Promise<string[]> {
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((one) => one.isFile())) {
    const bytes = await readFile(join(entry.parentPath, entry.name));
    if (texts.some((text) => bytes.includes(text))) found.push(entry.name);
  }
  return found;
}

/** Begins to forget in another process, which is killed when it is held, or after some milliseconds. */
async function killIn(point: object | null, afterMs: number | null = null): Promise<void> {
  const setup = JSON.stringify({ ...places, conversation, point });
  const program = fileURLToPath(new URL('../fixtures/forget-child.ts', import.meta.url));
  const child = spawn(process.execPath, [program, setup], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line === 'held' || afterMs !== null) break;
  }
  if (afterMs === null) expect(lines).toEqual(['begins', 'held']);
  else await sleep(afterMs);
  child.kill('SIGKILL');
  await ended;
}

/** What a process does that comes after. */
async function goOn(): Promise<void> {
  await withStore(places, async (store) => {
    const forgetting = createForgetting({ ...partsOf(store), againMs: 50 });
    forgetting.start();
    await expect.poll(async () => (await store.forgotten.open()).length, { timeout: 60_000 }).toBe(0);
    await forgetting.stop();
  });
}

function partsOf(store: Store): Parameters<typeof createForgetting>[0] {
  const promotions = {
    models: store.models,
    selectionFile: join(home, 'select.json'),
    assertServed: async () => undefined,
  };
  const nothing = { serveBase: async () => '', deleteServed: async () => true, deleteWeights: async () => undefined };
  const log = { info: () => undefined, warn: () => undefined };
  return {
    store,
    ...places,
    log,
    isLocal: () => true,
    onStale: async () => undefined,
    models: { promotions, ...nothing },
  };
}

async function expectWhole(): Promise<void> {
  const lines = await linesOf();
  for (const line of lines) expect(built).toContain(line);
  expect(lines.filter((line) => !line.includes(said.traces[1] ?? ''))).toHaveLength(others);
}

async function expectForgotten(): Promise<void> {
  expect(await filesWith(said.traces)).toEqual([]);
  expect(await linesOf()).toHaveLength(others);
  expect((await readdir(learned.folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  const manifest = JSON.parse(await readFile(join(learned.folder, 'manifest.json'), 'utf8')) as RedactedManifest;
  expect(manifest.digest).toBe(learned.dataset);
  // Every row has its judged answer beside it.
  expect(manifest.redacted).toEqual({ rows: 4 });
  await withStore(places, async (store) => {
    expect(await store.datasets.get(learned.dataset)).toMatchObject({ manifest, redacted: { rows: 4 } });
    expect((await store.models.stale()).map(({ id }) => id)).toEqual([learned.modelVersion]);
    expect(await store.forgotten.list()).toHaveLength(1);
    expect((await store.forgotten.all()).map(({ state }) => state)).toEqual(['done']);
    await store.check();
  });
}

test.each([
  ['forgotten.begin', 1],
  ['forgotten.addNodes', 2],
  ['datasets.redact', 2],
  ['blobs.erase', 1],
  ['forgotten.rewriteFailures', 1],
  ['forgotten.advance', 1],
  ['chats.erase', 2],
  ['forgotten.advance', 2],
])('a process that is killed at %s, time %i, is made good by the next one', async (call, nth) => {
  await killIn({ call, nth, after: true });
  await expectWhole();
  await writeFile(join(learned.folder, '.forgetting-left'), `half a file of ${said.question}`);
  await goOn();
  if (call === 'forgotten.advance' && nth === 2) await rm(join(learned.folder, '.forgetting-left'));
  await expectForgotten();
});

test('a process that is killed before anything was written down has changed nothing', async () => {
  await killIn({ call: 'forgotten.begin', nth: 1, after: false });
  await goOn();
  expect(await linesOf()).toEqual(built);
  expect((await filesWith(said.traces)).length).toBeGreaterThan(5);
});

test('a cycle that learns from it right now is waited for, and its run is cleaned when it is over', async () => {
  const run = join(places.dataDir, 'cycles', learned.cycle, learned.keys.train);
  await withStore(places, async (store) => {
    await store.cycles.update(learned.cycle, { state: 'running', step: 'train' });
    const forgetting = createForgetting({ ...partsOf(store), againMs: 50 });
    const request = { kind: 'conversation' as const, subject: conversation, now: false, actor: 'test' };
    const waiting = { cycles: [learned.cycle], completions: 0 };
    expect(await forgetting.plan(request)).toMatchObject({ state: 'planned', waiting });
    expect(await forgetting.forget(request)).toMatchObject({ state: 'waiting', waiting });
    expect(await readdir(run)).toContain('checkpoints');
    forgetting.start();
    await sleep(300);
    expect(await store.forgotten.open()).toHaveLength(1);
    await store.cycles.update(learned.cycle, { state: 'completed' });
    await expect.poll(async () => (await store.forgotten.open()).length, { timeout: 60_000 }).toBe(0);
    await forgetting.stop();
    expect((await store.forgotten.all())[0]?.report).toMatchObject({ state: 'done', completions: 2, failures: 1 });
  });
  await expectForgotten();
});

test('whenever it is killed, no file of a dataset is half written, and the next process makes it good', async () => {
  for (const afterMs of [0, 15, 40, 80, 120]) {
    await killIn(null, afterMs);
    await expectWhole();
  }
  await killIn({ call: 'forgotten.advance', nth: 1, after: true }).catch(() => undefined);
  await goOn();
  await expectForgotten();
});
