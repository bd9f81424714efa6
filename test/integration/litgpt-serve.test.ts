import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { packageRoot } from '../../src/config.ts';
import { type ApiProcess, startApiProcess } from '../fixtures/api-process.ts';
import { groupsWith, listensOn, membersOf } from '../fixtures/servers/processes.ts';

const ratchetKey = 'the-key-of-the-gateway';
const tinyBase = join(packageRoot, 'scripts', 'litgpt', 'tiny_base', 'model');
/** As people have it whose selector wrote it. */
const selected = { provider: 'litgpt', model: 'Qwen/Qwen2.5-0.5B' };
const patience = { timeout: 120_000, interval: 100 };
const question = 'How do I reset my password?';

let api: ApiProcess;
let client: OpenAI;

beforeAll(async () => {
  const home = mkdtempSync(join(tmpdir(), 'ratchet-litgpt-'));
  const folder = join(home, '.ratchet', 'bases', selected.model);
  mkdirSync(dirname(folder), { recursive: true });
  cpSync(tinyBase, folder, { recursive: true });
  writeFileSync(join(home, 'model_select.json'), JSON.stringify(selected));
  api = await startApiProcess({ RATCHET_API_KEY: ratchetKey }, {}, home);
  client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: ratchetKey, maxRetries: 0 });
});
afterAll(() => api?.remove());

const ask = (more: object = {}) => ({
  model: 'litgpt/tiny-support',
  messages: [{ role: 'user' as const, content: question }],
  temperature: 0,
  max_tokens: 40,
  ...more,
});

/** The servers that this API has started: each leads the group of its workers. */
const servers = (): number[] => groupsWith('serve_checkpoint.py', api.home);

async function lastRecord(): Promise<Record<string, unknown>> {
  const response = await api.send('GET', '/api/completions?limit=1', undefined, { key: ratchetKey });
  const { items } = (await response.json()) as { items: Record<string, unknown>[] };
  return items[0] ?? {};
}

describe('litgpt serve', () => {
  test('is started by the first call, on the loopback alone, and answers whole and streamed the same', async () => {
    expect(servers()).toEqual([]);
    const [whole, other] = await Promise.all([
      client.chat.completions.create(ask()),
      client.chat.completions.create(ask()),
    ]);
    const said = whole.choices[0]?.message.content ?? '';
    expect(said.length).toBeGreaterThan(10);
    expect(other.choices[0]?.message.content).toBe(said);
    expect(whole).toMatchObject({ choices: [{ finish_reason: 'stop' }], usage: { prompt_tokens: 26 } });
    expect(await lastRecord()).toMatchObject({ provider: 'litgpt', model: 'tiny-support', state: 'complete' });
    const stream = client.chat.completions.stream(ask());
    expect(await stream.finalContent()).toBe(said);
    expect((await stream.finalChatCompletion()).choices[0]?.finish_reason).toBe('stop');
    expect(await lastRecord()).toMatchObject({ provider: 'litgpt', state: 'complete', stream: true });
    const [pid] = servers();
    expect(servers()).toHaveLength(1);
    const port = Number(
      readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        .split('\0')
        .findLast((part) => part !== ''),
    );
    expect(listensOn(port)).toEqual([`127.0.0.1:${port}`]);
  });

  test.each([false, true])('limits and stop texts hold (stream: %s)', async (stream) => {
    const finish = async (more: object) => {
      if (!stream) return client.chat.completions.create(ask(more));
      return client.chat.completions.stream(ask(more)).finalChatCompletion();
    };
    const cut = await finish({ max_tokens: 4 });
    expect(cut.choices[0]).toMatchObject({ finish_reason: 'length' });
    const whole = (await finish({})).choices[0]?.message.content ?? '';
    expect(whole.startsWith(cut.choices[0]?.message.content ?? ' ')).toBe(true);
    const word = whole.split(' ')[3] ?? '';
    const stopped = await finish({ stop: [word] });
    expect(stopped.choices[0]).toMatchObject({ finish_reason: 'stop' });
    expect(stopped.choices[0]?.message.content).toBe(whole.slice(0, whole.indexOf(word)));
  });

  test('what it cannot do is refused', async () => {
    const tools = [{ type: 'function' as const, function: { name: 'f', parameters: {} } }];
    await expect(client.chat.completions.create(ask({ tools }))).rejects.toThrow(/tools/);
    const text = client.embeddings.create({ model: 'litgpt/tiny-support', input: 'Hi' });
    await expect(text).rejects.toThrow(/embeddings/);
    const long = ask({ messages: [{ role: 'user', content: 'password '.repeat(3_000) }] });
    await expect(client.chat.completions.create(long)).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/maximum context length/) as string,
    });
    await expect(client.chat.completions.create(ask({ model: 'litgpt/none' }))).rejects.toMatchObject({
      status: 404,
      message: expect.stringMatching(/no checkpoint "none"/) as string,
    });
  });

  test('one that has died is started anew', async () => {
    const [first = 0] = servers();
    process.kill(first, 'SIGKILL');
    await vi.waitFor(() => expect(membersOf([first])).toEqual([]), patience);
    const answer = await client.chat.completions.create(ask());
    expect(answer.choices[0]?.message.content).not.toBe('');
    expect(servers()).toHaveLength(1);
    expect(servers()).not.toContain(first);
  });

  test('the selection that names a checkpoint in the bases folder is served by a server of its own', async () => {
    const answer = await client.chat.completions.create(ask({ model: 'active' }));
    expect(answer.choices[0]?.message.content).not.toBe('');
    expect(await lastRecord()).toMatchObject({ provider: 'litgpt', model: selected.model, state: 'complete' });
    expect(servers()).toHaveLength(2);
    const models: string[] = [];
    for await (const { id } of client.models.list()) models.push(id);
    expect(models).toContain(`litgpt/${selected.model}`);
  });

  test('it ends when nobody asks it any more', async () => {
    await api.settings({ providers: { litgpt: { options: { idle_seconds: 0.5 } } } });
    await client.chat.completions.create(ask());
    await client.chat.completions.create(ask({ model: 'active' }));
    const both = servers();
    await vi.waitFor(() => expect(membersOf(both)).toEqual([]), patience);
  });

  test('it ends with the gateway, however that ends', async () => {
    await api.settings({});
    await client.chat.completions.create(ask());
    const left = servers();
    expect(membersOf(left).length).toBeGreaterThan(1);
    process.kill(api.pid, 'SIGKILL');
    await vi.waitFor(() => expect(membersOf(left)).toEqual([]), patience);
  });
});
