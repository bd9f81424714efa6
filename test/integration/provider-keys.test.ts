import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asFailure } from '../../src/activities/boundary.ts';
import { loadConfig, packageRoot } from '../../src/config.ts';
import { writeProviderKey } from '../../src/providers/keys.ts';
import { runProcess } from '../../src/process/run.ts';
import { openHouse } from '../../src/workspace/house.ts';
import { type ApiProcess, startApiProcess } from '../fixtures/api-process.ts';
import { type WireHandler, type WireServer, delta, startWireServer, streamOf, whole } from '../fixtures/wire-server.ts';

/** None of the shapes that keys usually have, so that only who knows it can take it out. */
const keys = {
  environment: 'enviro11ment22word33of44mine',
  kept: 'kept55aside66word77of88mine',
  selection: 'selected99word00with11the22model',
};
let wire: WireServer;
let api: ApiProcess;
/** Everything that the process said over HTTP. */
const said: string[] = [];
const secrets = Object.values(keys);

beforeAll(async () => {
  wire = await startWireServer(['tiny']);
  const env = { OPENAI_BASE_URL: wire.url, OPENAI_API_KEY: keys.environment, OLLAMA_BASE_URL: wire.url };
  // It fails on purpose, again and again, and is asked all the same.
  api = await startApiProcess(env, { routing: { retries: 0, breaker: { failures: 1_000 } } });
});
afterAll(async () => {
  await api.remove();
  await wire.close();
});

async function ask(model: string, more: object = {}): Promise<Response> {
  const messages = [{ role: 'user', content: 'Hi' }];
  const response = await api.send('POST', '/v1/chat/completions', { model, messages, ...more });
  said.push(await response.clone().text(), JSON.stringify([...response.headers]));
  return response;
}

const usedKey = () => wire.requests.at(-1)?.headers.authorization?.replace('Bearer ', '');

/** Errors that quote the key, as some vendors' do. */
const quoting: Record<string, WireHandler> = {
  ...Object.fromEntries(
    [400, 401, 403, 404, 429, 500, 503].map((status) => [
      `status ${status}`,
      (request, response) => {
        response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '1' });
        response.end(JSON.stringify({ error: { message: `Incorrect: ${request.headers.authorization}, my model` } }));
      },
    ]),
  ),
  'an error page': (request, response) => {
    response.writeHead(502, { 'content-type': 'text/html' });
    response.end(`<html>${request.headers.authorization?.slice(7)}</html>`);
  },
  'an error in a stream': (request, response) =>
    streamOf([delta({ content: 'a' }), { error: { message: `Expired: ${request.headers.authorization?.slice(7)}` } }])(
      request,
      response,
    ),
};

describe('which key is used', () => {
  test('the one of the environment, then the one that is kept, then the one of the selection', async () => {
    wire.answerWith(whole('Hello'));
    await ask('openai/tiny');
    expect(usedKey()).toBe(keys.environment);

    await writeProviderKey(join(api.dataDir, 'provider-keys.json'), 'openai', keys.kept);
    await expect.poll(async () => (await ask('openai/tiny')) && usedKey()).toBe(keys.kept);

    const selection = { provider: 'openai', model: 'tiny', api_key: keys.selection };
    writeFileSync(join(api.home, 'model_select.json'), JSON.stringify(selection), { mode: 0o600 });
    await expect.poll(async () => (await ask('active')) && usedKey()).toBe(keys.selection);
    await ask('openai/tiny');
    expect(usedKey()).toBe(keys.kept);
    await ask('ollama/tiny');
    expect(usedKey()).toBeUndefined();
  });
});

describe('a provider that quotes the key', () => {
  test.each(Object.entries(quoting))('%s', async (name, handler) => {
    wire.answerWith(handler);
    for (const model of ['openai/tiny', 'active']) {
      const response = await ask(model, { stream: name === 'an error in a stream' });
      const text = await response.text();
      expect(text).toContain('error');
      for (const secret of secrets) expect(text).not.toContain(secret);
    }
  });
});

test('a selection file that is broken is not quoted', async () => {
  writeFileSync(join(api.home, 'model_select.json'), `{"provider":"openai","api_key":"${keys.selection}","model":`);
  await expect.poll(async () => (await ask('active')).status).toBe(400);
});

test('a file of keys that others may read is refused with a sentence', async () => {
  const file = join(api.dataDir, 'provider-keys.json');
  wire.answerWith(whole('Hello'));
  // A model that has not failed: the faults of the tests before have made the gateway leave the other one alone.
  chmodSync(file, 0o644);
  await expect.poll(async () => (await ask('openai/small')).status).toBe(400);
  expect(said.at(-2)).toContain(`run \\"chmod 600 ${file}\\"`);
  chmodSync(file, 0o600);
  expect((await ask('openai/small')).status).toBe(200);
});

test('no route of the API tells a key', async () => {
  const { paths } = (await (await api.send('GET', '/openapi.json')).json()) as { paths: Record<string, object> };
  const readable = Object.entries(paths).flatMap(([path, methods]) => ('get' in methods ? [path] : []));
  expect(readable).toEqual(
    expect.arrayContaining(['/api/providers', '/api/health', '/api/completions', '/api/prices']),
  );
  const { items } = (await (await api.send('GET', '/api/completions')).json()) as { items: { id: string }[] };
  expect(items.length).toBeGreaterThan(10);
  for (const path of readable) {
    const found = await api.send('GET', path.replaceAll(/\{\w+\}/g, items[0]?.id ?? ''));
    said.push(await found.text());
  }
});

test('no key goes to Temporal, not even in the failure of a step', async () => {
  const home = mkdtempSync(join(tmpdir(), 'ratchet-house-'));
  const environment = { RATCHET_HOME: home, OPENAI_BASE_URL: wire.url, OPENAI_API_KEY: keys.environment };
  const house = await openHouse(loadConfig(environment));
  try {
    writeFileSync(
      house.config.selectionFile,
      JSON.stringify({ provider: 'openai', model: 'tiny', api_key: keys.selection }),
    );
    expect(await house.activities.selected()).toEqual({ ref: 'openai/tiny', local: true });
    for (const handler of Object.values(quoting)) {
      wire.answerWith(handler);
      const asked = house.activities.ask({ model: 'openai/tiny', messages: [] } as never, AbortSignal.timeout(60_000));
      const error: unknown = await asked.then(
        () => null,
        (thrown: unknown) => thrown,
      );
      const failure = asFailure(error);
      const sent = JSON.stringify([
        failure,
        failure.message,
        String(failure.cause),
        defaultPayloadConverter.toPayload(failure.details),
      ]);
      for (const secret of secrets) expect(sent).not.toContain(secret);
    }
  } finally {
    await house.close();
    rmSync(home, { recursive: true });
  }
});

test('ratchet provider-key keeps what standard input brings, and never shows it', async () => {
  const home = mkdtempSync(join(tmpdir(), 'ratchet-cli-'));
  const run = (args: string) =>
    runProcess({
      command: '/bin/sh',
      args: ['-c', `printf %s ${keys.kept} | "${process.execPath}" "${packageRoot}/src/cli/main.ts" ${args}`],
      env: { RATCHET_HOME: home, PATH: '/usr/bin:/bin' },
      timeoutMs: 60_000,
    });
  try {
    const outputs = [
      await run('provider-key set openai'),
      await run('provider-key list'),
      await run('settings'),
      await run('provider-key set nobody'),
    ];
    expect(readFileSync(join(home, '.ratchet', 'provider-keys.json'), 'utf8')).toContain(keys.kept);
    expect(JSON.stringify(outputs)).not.toContain(keys.kept);
    expect(JSON.stringify(outputs)).toContain('There is no provider \\"nobody\\": ');
  } finally {
    rmSync(home, { recursive: true });
  }
});

test('none is in an answer, a log or a file but the one that it is kept in', async () => {
  for (const secret of secrets) expect(said.filter((text) => text.includes(secret))).toEqual([]);
  await api.stop();
  expect(said.length).toBeGreaterThan(50);
  expect(api.filesWith(secrets)).toEqual(
    expect.arrayContaining([`.ratchet/provider-keys.json: ${keys.kept}`, `model_select.json: ${keys.selection}`]),
  );
  expect(api.filesWith(secrets)).toHaveLength(2);
});
