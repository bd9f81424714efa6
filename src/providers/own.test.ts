import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readBody } from './body.ts';
import { createRegistry } from './registry.ts';
import { providersOf } from './instances.ts';
import { loadOwnProviders } from './own.ts';
import type { Provider } from './types.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-own-'));
});
afterEach(() => rm(folder, { recursive: true }));

const write = (name: string, text: string) => writeFile(join(folder, name), text, { mode: 0o600 });
const config = { providerIdleMs: 0, variable: () => undefined };

/** The provider that a file's `create` makes. */
async function providerOf(create: string, more = ''): Promise<Provider> {
  await write('mine.mjs', `export default { kind: 'mine', title: 'Mine', ${more} create: ${create} };`);
  const { definitions, faults } = await loadOwnProviders(folder);
  expect(faults).toEqual([]);
  const provider = createRegistry(providersOf({ config, definitions }), definitions).get('mine');
  if (!provider) throw new Error('it was not made');
  return provider;
}

async function said(provider: Provider, signal = new AbortController().signal): Promise<string> {
  const answer = await provider.call('chat/completions', '{"model":"m"}', { signal, model: 'm' });
  return readBody(answer.body, 1_000);
}

test('a folder that is not there defines nothing', async () => {
  expect(await loadOwnProviders(join(folder, 'none'))).toEqual({ definitions: [], faults: [], unread: [] });
});

test('JavaScript and TypeScript count, in the order of their names; nothing else does', async () => {
  const text = (kind: string): string =>
    `export default { kind: '${kind}', title: '${kind}', baseUrl: 'http://127.0.0.1:1/v1' };`;
  await write('c.ts', `const title: string = 'c';\nexport default { kind: 'c', title, baseUrl: null };`);
  await write('a.mjs', text('a'));
  await write('b.js', text('b'));
  await write('types.d.ts', 'export {};');
  await write('notes.md', 'none');
  const { definitions, faults } = await loadOwnProviders(folder);
  expect(faults).toEqual([]);
  expect(definitions.map(({ kind }) => kind)).toEqual(['a', 'b', 'c']);
});

describe('a file that defines none names its fault, and stops no other', () => {
  const base = `title: 'Bad', baseUrl: 'http://127.0.0.1:1'`;
  test.each([
    ['export const x = 1;', '', /^it exports nothing/],
    ['export default { kind: ', '', /^it cannot be loaded \(.*\): mend that$/],
    ['throw new Error("no luck");', '', /cannot be loaded \(no luck\)/],
    ['import "./not-there.mjs";', '', /cannot be loaded \(Cannot find module/],
    [`export default { kind: 'Bad Name', ${base} };`, 'kind', /lower-case letters/],
    [`export default { kind: 'bad', title: 'Bad' };`, 'baseUrl', /say where it is reached/],
    [`export default { kind: 'bad', title: 'Bad', baseUrl: 'ftp://x' };`, 'baseUrl', /http:\/\/ or https:\/\//],
    [`export default { kind: 'bad', title: 'Bad', baseUrl: 'http://a:b@c' };`, 'baseUrl', /user name or password/],
    [
      `export default { kind: 'bad', ${base}, apiKeyVariables: ['sk-a b'] };`,
      'apiKeyVariables.0',
      /name of a variable/,
    ],
    [`export default { kind: 'bad', ${base}, facts: { abilities: { fly: true } } };`, 'facts.abilities', /./],
    [`export default { kind: 'bad', ${base}, create: 1 };`, 'create', /a function that gives an object with "call"/],
    [`export default { kind: 'bad', ${base}, apiKey: 'x' };`, '', /apiKey/],
    [`export default { kind: 'openai', ${base} };`, 'kind', /there is a kind "openai" already/],
    [`export default { kind: 'good', ${base} };`, 'kind', /there is a kind "good" already/],
    [`export default { kind: 'bad', ${base}, aliases: ['hosted_vllm'] };`, 'aliases', /"hosted_vllm" is the name of/],
  ])('%s', async (text, place, message) => {
    await write('bad.mjs', text);
    await write('a-good.mjs', `export default { kind: 'good', ${base} };`);
    const { definitions, faults, unread } = await loadOwnProviders(folder);
    expect(definitions.map(({ kind }) => kind)).toEqual(['good']);
    expect(unread).toEqual(['bad']);
    expect(faults[0]).toMatchObject({ level: 'warning', file: join(folder, 'bad.mjs'), place });
    expect(faults[0]?.message).toMatch(message);
  });

  test('every fault of a file is named at once', async () => {
    await write('bad.mjs', `export default { kind: 'Bad', title: '' };`);
    const { faults } = await loadOwnProviders(folder);
    expect(faults.map(({ place }) => place)).toEqual(['kind', 'title', 'baseUrl']);
  });

  test('a file that others may write is not run', async () => {
    await write('bad.mjs', 'globalThis.hasRun = true;');
    await chmod(join(folder, 'bad.mjs'), 0o666);
    expect((await loadOwnProviders(folder)).faults[0]?.message).toMatch('others than its owner may write it');
    expect(globalThis).not.toHaveProperty('hasRun');
  });
});

describe('create', () => {
  test('what it gives is answered', async () => {
    const provider = await providerOf(
      `({ name, options }) => ({ call: async (endpoint, body) => new Response(name + ' ' + endpoint + ' ' + body) })`,
    );
    expect(await said(provider)).toBe('mine chat/completions {"model":"m"}');
    expect(provider).toMatchObject({ name: 'mine', kind: 'mine', locality: 'local', reportsUsage: false });
    expect(await provider.listModels({ signal: AbortSignal.timeout(60_000) })).toEqual([]);
  });

  test.each([
    ['() => { throw new Error("no luck"); }', /its "create" failed: no luck/],
    ['() => ({})', /its "create" gives no object with a function "call"/],
    ['() => null', /its "create" gives no object/],
  ])('%s stops nobody else, and is told when it is asked', async (create, message) => {
    const provider = await providerOf(create);
    expect(provider.setUp()).toMatchObject({ state: 'missing', hint: expect.stringMatching(message) as string });
    expect((await provider.health({ signal: AbortSignal.timeout(60_000) })).state).toBe('red');
    await expect(said(provider)).rejects.toThrow(message);
  });

  test.each([
    ['async () => { throw new Error("it fell over"); }', 'ProviderUnavailable', /it fell over/],
    ['() => { throw new Error("at once"); }', 'ProviderUnavailable', /at once/],
    ['() => fetch("http://127.0.0.1:1/")', 'ProviderUnavailable', /broke|does not answer/],
    [
      '() => new Response("{\\"error\\":\\"slow down\\"}", { status: 429, headers: { "retry-after": "7" } })',
      'RateLimited',
      /limits/,
    ],
    [
      '() => new Response(new ReadableStream({ start: (c) => c.error(new Error("cut")) }))',
      'ProviderUnavailable',
      /cut/,
    ],
  ])('%s is an error of the provider', async (call, code, message) => {
    const provider = await providerOf(`() => ({ call: ${call} })`);
    await expect(said(provider)).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string });
  });

  test('a call that does not follow its signal is given up all the same', async () => {
    const asks = await providerOf('() => ({ call: () => new Promise(() => {}) })');
    const abort = new AbortController();
    const asked = said(asks, abort.signal);
    abort.abort();
    await expect(asked).rejects.toMatchObject({ code: 'Cancelled' });
  });

  test('so is a stream that never ends', async () => {
    const provider = await providerOf(
      '() => ({ call: () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })) })',
    );
    const abort = new AbortController();
    const answer = await provider.call('chat/completions', '{}', { signal: abort.signal });
    const read = readBody(answer.body, 1_000);
    abort.abort();
    await expect(read).rejects.toMatchObject({ code: 'Cancelled' });
  });

  test('a key that is needed and not there is asked for', async () => {
    const provider = await providerOf(
      '() => ({ call: () => new Response("") })',
      `needsKey: true, apiKeyVariables: ['MINE_KEY'],`,
    );
    expect(provider.setUp()).toMatchObject({ state: 'missing' });
    await expect(said(provider)).rejects.toThrow(
      'mine needs an API key: set MINE_KEY, or run "ratchet provider-key set mine"',
    );
  });
});
