import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import { recipeJsonSchema } from '../../src/workspace/recipes/fields.ts';
import { type ApiProcess, adminKey, startApiProcess } from '../fixtures/api-process.ts';

let api: ApiProcess;
beforeAll(async () => {
  const nowhere = 'http://127.0.0.1:1';
  api = await startApiProcess({ OLLAMA_BASE_URL: nowhere, OPENAI_BASE_URL: nowhere });
  mkdirSync(join(api.home, 'recipes'));
  put('support.yaml', '# For the desk.\nbase: nosuch-base\ntrain:\n  epochs: 2\n');
  put('broken.yaml', 'base: b\ntrain:\n  rank: 0\n  epoch: 2\n');
  writeFileSync(join(api.home, 'outside.yaml'), 'base: outside-base\n');
  symlinkSync(join(api.home, 'outside.yaml'), join(api.home, 'recipes', 'link.yaml'));
});
afterAll(() => api.remove());

function put(name: string, text: string): void {
  writeFileSync(join(api.home, 'recipes', name), text);
}

async function ratchet(...args: string[]): Promise<{ code: number; out: string; said: string }> {
  const env = childEnvironment({
    RATCHET_HOME: api.home,
    RATCHET_API_KEY: adminKey,
    RATCHET_PORT: new URL(api.url).port,
  });
  const child = spawn(process.execPath, [join(packageRoot, 'bin/ratchet.js'), ...args], { env, cwd: api.home });
  const outcome = { out: '', said: '' };
  child.stdout.setEncoding('utf8').on('data', (more: string) => (outcome.out += more));
  child.stderr.setEncoding('utf8').on('data', (more: string) => (outcome.said += more));
  child.stdin.end();
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...outcome };
}

async function start(body: object): Promise<{ status: number; code: string; detail: string }> {
  const response = await api.send('POST', '/api/cycles', body);
  return { ...((await response.json()) as { code: string; detail: string }), status: response.status };
}

test('one report names every fault with its file, its place and its path', async () => {
  const { code, out } = await ratchet('recipes', 'check');
  expect(code).toBe(1);
  const file = join(api.home, 'recipes', 'broken.yaml');
  expect(out).toContain(`${file}: line 3, column 9, train.rank: Too small`);
  expect(out).toContain(`${file}: line 4, column 3, train.epoch: there is no such field: did you mean epochs`);
  expect(out).toContain('link.yaml: is not read: it is a link that leads out of the folder');
  expect(out).toMatch(/2 of 3 recipes have faults\.\n$/);
});

test('recipes are listed and shown with every default', async () => {
  expect((await ratchet('recipes')).out).toMatch(/^support +nosuch-base$/m);
  const shown = await ratchet('recipes', 'show', 'support', '--json');
  expect(JSON.parse(shown.out)).toMatchObject({ name: 'support', base: 'nosuch-base', train: { epochs: 2, rank: 16 } });
  expect((await ratchet('recipes', 'show', 'support')).out).toContain('\n  epochs: 2\n');
  const missing = await ratchet('recipes', 'show', 'suport');
  expect(missing).toMatchObject({
    code: 1,
    said: expect.stringMatching(/There is no recipe suport .*: there are support/),
  });
});

test('the schema for editors is put beside the recipes, and is no recipe itself', async () => {
  expect((await ratchet('recipes', 'schema')).code).toBe(0);
  expect(readFileSync(join(api.home, 'recipes', 'recipe.schema.json'), 'utf8')).toBe(recipeJsonSchema());
  expect((await ratchet('recipes', 'check')).out).toContain('of 3 recipes');
});

test.each<[object, number, RegExp]>([
  [{ recipe: 'support' }, 422, /"?nosuch-base"?/],
  [{ recipe: 'support', base: 'another-base' }, 422, /another-base/],
  [{ recipe: 'broken' }, 400, /line 3, column 9, train\.rank.*\n.*train\.epoch/],
  [{ recipe: 'nosuch' }, 404, /There is no recipe nosuch/],
  [{ recipe: 'link' }, 400, /link that leads out/],
  [{ recipe: '../outside' }, 400, /recipe: use 1 to 64/],
  [{ recipe: '/etc/passwd' }, 400, /recipe: use 1 to 64/],
  [{ recipe: 'support', train: {} }, 400, /Unrecognized key: "train"/],
  [{ base: 'Tiny Support', train: { rank: 0 } }, 400, /name: .*base: .*train\.rank/],
  [[], 400, /expected object/],
])('POST /api/cycles %j is answered with %i', async (body, status, said) => {
  const answer = await start(body);
  expect(answer).toMatchObject({ status, detail: expect.stringMatching(said) });
});

test('ratchet cycle start takes a name, a file of YAML and a file of JSON', async () => {
  writeFileSync(join(api.home, 'mine.yaml'), 'base: yaml-base\n');
  writeFileSync(join(api.home, 'mine.json'), JSON.stringify({ name: 'n', base: 'json-base' }));
  writeFileSync(join(api.home, 'bad.yaml'), 'base: b\ngate:\n  alpha: 2\n');
  const said = async (...args: string[]) => (await ratchet('cycle', 'start', '--recipe', ...args)).said;
  expect(await said('support')).toContain('nosuch-base');
  expect(await said('support', '--base', 'other-base')).toContain('other-base');
  expect(await said('./mine.yaml')).toContain('yaml-base');
  expect(await said('mine.json', '--name', 'mine')).toContain('json-base');
  expect(await said('bad.yaml')).toMatch(/Correct the recipe: bad\.yaml: line 3, column 10, gate\.alpha: Too big/);
  expect(await said('./none.yaml')).toContain('./none.yaml cannot be read');
});
