import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import { assistant, chat, user } from '../contract/chat-samples.ts';
import { type Harness, openHarness } from '../fixtures/gateway-harness.ts';

let harness: Harness;
let folder: string;
beforeEach(async () => {
  harness = await openHarness({ providers: [] });
  folder = await mkdtemp(join(tmpdir(), 'ratchet-chats-cli-'));
});
afterEach(async () => {
  await harness.close();
  await rm(folder, { recursive: true, force: true });
});

async function ratchet(...args: string[]): Promise<{ code: number | null; said: string }> {
  const url = await harness.serve();
  const command = [join(packageRoot, 'bin/ratchet.js'), ...args, '--url', url];
  const child = spawn(process.execPath, command, { env: childEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, said };
}

test('chats are listed, searched, shown and erased', async () => {
  const { store } = harness;
  const one = await chat(store, [user('where is the  harbour?')], 'in the north', { owner: 'local' });
  await chat(store, [user('other')], 'words', { owner: 'local', model: 'm2' });
  while ((await store.chats.indexNext(50)) > 0);
  const { said } = await ratchet('chats', 'list', '--limit', '1');
  expect(said).toMatch(/ollama\/m2 {2}other → words\nmore: --cursor \S+\n$/);
  const rest = await ratchet('chats', 'list', '--json', '--cursor', /--cursor (\S+)/.exec(said)?.[1] ?? '');
  expect(JSON.parse(rest.said)).toMatchObject({ items: [{ id: one.id }], next: null });
  expect((await ratchet('chats', 'search', 'harbour', 'nor*')).said).toContain('where is the harbour? → in the north');
  expect(await ratchet('chats', 'erase', one.id)).toEqual({ code: 0, said: '1 erased\n' });
  expect((await ratchet('chats', 'show', one.id)).said).toContain('was erased');
  expect((await ratchet('chats', 'erase', one.conversationId, '--conversation', '--json')).said).toContain(
    '"erased": 0',
  );
  const wrong = await ratchet('chats', 'show', 'nothing');
  expect(wrong).toMatchObject({ code: 1, said: expect.stringMatching(/There is no completion "nothing"/) as string });
});

test('what one installation exports another imports, and its export is equal', async () => {
  const { store } = harness;
  for (let at = 0; at < 1100; at += 1) {
    await chat(store, [user(`question ${at}`)], `answer ${at}`, { owner: 'local', envelope: { model: 'tiny', n: at } });
  }
  const [first, second] = [join(folder, 'one.jsonl'), join(folder, 'two.jsonl')];
  expect(await ratchet('export', 'chats', '--format', 'openpipe', '-o', first)).toMatchObject({ code: 0 });
  await harness.close();
  harness = await openHarness({ providers: [] });
  await writeFile(first, '{"no": "chat"}\n', { flag: 'a' });
  expect((await ratchet('import', 'chats', first)).said).toBe(
    '1100 chats imported, 0 known already, 1 lines left out\n  line 1101: "input" must be the request, an object.\n',
  );
  expect((await ratchet('import', 'chats', first)).said).toMatch(/^0 chats imported, 1100 known already/);
  expect(await ratchet('export', 'chats', '--format', 'openpipe', '-o', second)).toMatchObject({ code: 0 });
  const linesOf = async (file: string) => (await readFile(file, 'utf8')).trim().split('\n').sort();
  expect(await linesOf(second)).toEqual((await linesOf(first)).filter((line) => line !== '{"no": "chat"}'));
  expect((await readdir(folder)).sort()).toEqual(['one.jsonl', 'two.jsonl']);
  const { items } = await harness.store.chats.list({ owner: 'local' }, { limit: 1, order: 'asc' });
  expect(items[0]?.choices[0]?.message).toEqual(assistant('answer 0'));
});
