import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkKept } from '../../src/cli/doctor-deep.ts';
import { checkSettingsAndProviders } from '../../src/cli/doctor-checks.ts';
import { childEnvironment, packageRoot, readConfig } from '../../src/config.ts';
import { freePort, isListening } from '../../src/process/ports.ts';
import { runProcess } from '../../src/process/run.ts';
import type { Check } from '../../src/setup/check.ts';
import { checkExposure } from '../../src/setup/check-exposure.ts';
import { checkKeyFiles } from '../../src/setup/check-keys.ts';
import { checkPorts } from '../../src/setup/check-ports.ts';
import { checkDisk, checkOllama } from '../../src/setup/checks.ts';
import { openStore } from '../../src/store/open.ts';
import { makeCertificate } from '../fixtures/certificate.ts';
import { type ListingServer, startListingServer } from '../fixtures/listing-server.ts';

const nowhere = 'http://127.0.0.1:1';
let home: string;
const closers: (() => Promise<unknown> | void)[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'ratchet-doctor-'));
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  rmSync(home, { recursive: true, force: true });
});

async function serve(...args: Parameters<typeof startListingServer>): Promise<ListingServer> {
  const server = await startListingServer(...args);
  closers.push(server.close);
  return server;
}

function configOf(env: Record<string, string> = {}) {
  return readConfig({ RATCHET_HOME: home, RATCHET_DATA_DIR: '.ratchet', OLLAMA_BASE_URL: nowhere, ...env });
}

/** What the doctor says of settings and providers, by the name of the check, but for what is in order. */
async function faultsOf(env: Record<string, string>, settings: object = {}): Promise<Check[]> {
  writeFileSync(join(home, 'ratchet.json'), JSON.stringify({ providers: { ollama: { enabled: false } }, ...settings }));
  const { config, faults } = configOf(env);
  const checks = await checkSettingsAndProviders(config, faults);
  return checks.filter(({ state }) => state !== 'ok');
}

const models = [{ id: 'a' }];
const page = { status: 200, body: '<!doctype html><title>Welcome</title>', headers: { 'content-type': 'text/html' } };

describe('a provider that is set up and does not answer as it should', () => {
  test('one that answers is in order', async () => {
    const { url } = await serve(models);
    expect(await faultsOf({ VLLM_API_BASE: url })).toEqual([]);
  });

  test('a wrong key', async () => {
    const server = await serve(models);
    server.be({ status: 401, body: { error: { message: 'Incorrect API key provided: sk-wrong-and-secret' } } });
    const [check, ...others] = await faultsOf({ OPENAI_BASE_URL: server.url, OPENAI_API_KEY: 'sk-wrong-and-secret' });
    expect(check).toMatchObject({
      name: 'provider',
      state: 'failed',
      message: 'openai: openai refused the API key (status 401)',
      fix: expect.stringMatching(/^set OPENAI_API_KEY, or run "ratchet provider-key set openai"/) as string,
    });
    expect(others).toEqual([]);
    expect(JSON.stringify(check)).not.toMatch('secret');
  });

  test('a web page in place of an API', async () => {
    const server = await serve(models);
    server.be(page);
    expect(await faultsOf({ VLLM_API_BASE: server.url })).toMatchObject([
      {
        state: 'failed',
        message: expect.stringMatching('answers with a web page') as string,
        fix: expect.stringMatching(/^VLLM_API_BASE=/) as string,
      },
    ]);
  });

  test.each([
    ['without /v1', (url: string) => url.replace('/v1', '')],
    ['the whole path of a route', (url: string) => `${url}/chat/completions`],
    ['a /v1 too many', (url: string) => `${url}/v1`],
  ])('a URL that is not quite right: %s', async (_which, wrong) => {
    const server = createHttpServer((request, response) => {
      const isList = request.url === '/v1/models';
      response.writeHead(isList ? 200 : 404, { 'content-type': isList ? 'application/json' : 'text/html' });
      response.end(isList ? '{"data":[{"id":"a"}]}' : '<html>404 page not found</html>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => new Promise((resolve) => server.close(resolve)));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    expect(await faultsOf({ VLLM_API_BASE: wrong(url) })).toMatchObject([
      { state: 'failed', fix: `VLLM_API_BASE=${url}` },
    ]);
    expect(await faultsOf({}, { providers: { mine: { kind: 'vllm', base_url: wrong(url) } } })).toContainEqual(
      expect.objectContaining({
        message: expect.stringMatching(/^mine: /) as string,
        fix: `providers.mine.base_url=${url}`,
      }),
    );
  });

  test('a server that has moved', async () => {
    const { url } = await serve(models);
    const old = await serve(models);
    old.be({ status: 301, headers: { location: `${url}/models` } });
    expect(await faultsOf({ VLLM_API_BASE: old.url })).toMatchObject([
      { state: 'failed', fix: `VLLM_API_BASE=${url}` },
    ]);
  });

  test('https where there is http', async () => {
    const { url } = await serve(models);
    expect(await faultsOf({ VLLM_API_BASE: url.replace('http', 'https') })).toMatchObject([
      {
        state: 'failed',
        message: expect.stringMatching('does not speak https') as string,
        fix: `VLLM_API_BASE=${url}`,
      },
    ]);
  });

  test('nothing listens there', async () => {
    const port = await freePort();
    expect(await faultsOf({ VLLM_API_BASE: `http://127.0.0.1:${port}/v1` })).toMatchObject([
      {
        state: 'failed',
        message: `vllm: nothing listens on port ${port} of this machine`,
        fix: 'start vllm, or correct VLLM_API_BASE',
      },
    ]);
  });

  test('localhost by the other of its two addresses', async ({ skip }) => {
    const server = await startListingServer(models, { host: '::1' }).catch(() => null);
    skip(server === null, 'this machine has no ::1');
    if (!server) return;
    closers.push(server.close);
    expect(await faultsOf({ VLLM_API_BASE: `http://127.0.0.1:${server.port}/v1` })).toMatchObject([
      {
        state: 'failed',
        message: `vllm: port ${server.port} answers at [::1], and not at 127.0.0.1`,
        fix: `VLLM_API_BASE=http://[::1]:${server.port}/v1`,
      },
    ]);
  });

  test('one that nobody set up and that is not there is not missed', async () => {
    expect(await faultsOf({})).toEqual([]);
  });
});

describe('over TLS', () => {
  const day = 86_400_000;
  const trusted = getCACertificates('default');
  afterAll(() => setDefaultCACertificates(trusted));

  async function secure(fromDays: number, toDays: number, isTrusted: boolean): Promise<string> {
    const at = (days: number): Date => new Date(Date.now() + days * day);
    const certificate = makeCertificate({ notBefore: at(fromDays), notAfter: at(toDays) });
    setDefaultCACertificates(isTrusted ? [...trusted, certificate.cert] : trusted);
    const server = createHttpsServer(certificate, (_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end('{"data":[{"id":"a"}]}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  }

  test.each<[string, number, number, boolean, string, string]>([
    [
      'of the future, which a wrong clock makes',
      1,
      2,
      true,
      'is not valid at the time that this machine has',
      'set the clock: sudo timedatectl set-ntp true',
    ],
    ['that has expired', -3, -1, true, 'has expired', 'renew it at 127.0.0.1'],
    [
      'of an unknown authority',
      -1,
      1,
      false,
      'is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)',
      'NODE_EXTRA_CA_CERTS=<file of the authority that signed it>',
    ],
  ])('a certificate %s', async (_which, from, to, isTrusted, message, fix) => {
    const url = await secure(from, to, isTrusted);
    expect(await faultsOf({ VLLM_API_BASE: url })).toEqual([
      {
        name: 'provider',
        state: 'failed',
        message: expect.stringContaining(`vllm: the certificate of 127.0.0.1 ${message}`) as string,
        fix,
      },
    ]);
  });

  test('http where there is https', async () => {
    const url = await secure(-1, 1, false);
    expect(await faultsOf({ VLLM_API_BASE: url.replace('https', 'http') })).toMatchObject([
      { state: 'failed', message: expect.stringMatching('speaks https only') as string, fix: `VLLM_API_BASE=${url}` },
    ]);
  });
});

test('a clock that is wrong, by the time that an answer tells', async () => {
  const server = await serve(models);
  const date = new Date(Date.now() + 90 * 60_000).toUTCString();
  server.be({ status: 200, body: { data: models }, headers: { date } });
  expect(await faultsOf({ VLLM_API_BASE: server.url })).toEqual([
    {
      name: 'clock',
      state: 'warning',
      message: 'the clock of this machine is 90 minutes behind that of vllm',
      fix: 'sudo timedatectl set-ntp true',
    },
  ]);
});

describe('models that somebody relies on', () => {
  test('a route’s, an alias’s and the selected one are not there', async () => {
    const { url } = await serve([{ id: 'a' }, { id: 'b' }]);
    writeFileSync(join(home, 'model_select.json'), JSON.stringify({ provider: 'vllm', model: 'selected' }));
    const found = await faultsOf(
      { VLLM_API_BASE: url },
      { routes: { work: { model: 'vllm/a', fallback: ['vllm/gone'] } }, aliases: { fast: 'vllm/quick' } },
    );
    expect(found.map(({ state, message, fix }) => [state, message, fix])).toEqual([
      ['failed', 'the selection names vllm/selected, and vllm does not have it', 'name one of a, b'],
      ['failed', 'the route "work" names vllm/gone, and vllm does not have it', 'name one of a, b'],
      ['failed', 'the alias "fast" names vllm/quick, and vllm does not have it', 'name one of a, b'],
    ]);
  });

  test('a model of Ollama’s is one command away', async () => {
    const server = await ollamaOf('0.17.4', [{ name: 'qwen2.5:0.5b', digest: 'x', size: 1 }]);
    const settings = {
      providers: {},
      routes: { work: { model: 'ollama/qwen2.5:0.5b', fallback: ['ollama/llama3.1:8b'] } },
    };
    expect(await faultsOf({ OLLAMA_BASE_URL: server }, settings)).toEqual([
      {
        name: 'model',
        state: 'failed',
        message: 'the route "work" names ollama/llama3.1:8b, and ollama does not have it',
        fix: 'ollama pull llama3.1:8b',
      },
    ]);
  });
});

/** A server that tells what Ollama of a version tells. */
async function ollamaOf(version: string, tags: object[], host = '127.0.0.1'): Promise<string> {
  const server = createHttpServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(request.url === '/api/version' ? { version } : { models: tags }));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('Ollama', () => {
  test('a version with a known hole', async () => {
    const url = await ollamaOf('0.17.0', [{ name: 'a', digest: 'x' }]);
    expect(await checkOllama(configOf({ OLLAMA_BASE_URL: url }).config)).toMatchObject({
      state: 'failed',
      message: expect.stringMatching('CVE-2026-7482') as string,
      fix: expect.stringMatching('install.sh') as string,
    });
    expect(await faultsOf({ OLLAMA_BASE_URL: url }, { providers: {} })).toMatchObject([
      { name: 'provider', state: 'warning', message: expect.stringMatching('CVE-2026-7482') as string },
    ]);
  });

  test('one that others can reach', async () => {
    const url = await ollamaOf('0.17.4', [], '0.0.0.0');
    const addresses = ['127.0.0.2'];
    expect(await checkExposure(url, addresses)).toMatchObject([
      {
        state: 'warning',
        message: expect.stringMatching('also answers at 127.0.0.2') as string,
        fix: 'OLLAMA_HOST=127.0.0.1 ollama serve',
      },
    ]);
    const own = await ollamaOf('0.17.4', []);
    expect(await checkExposure(own, addresses)).toEqual([]);
    expect(await checkExposure('http://ollama.lan:11434', addresses)).toMatchObject([
      { state: 'warning', message: expect.stringMatching('it has no keys') as string },
    ]);
  });
});

describe('the machine', () => {
  async function taken(): Promise<number> {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => new Promise((resolve) => server.close(resolve)));
    return (server.address() as AddressInfo).port;
  }

  test('a port that another program has, and which', async () => {
    const port = await taken();
    expect(await isListening(port)).toBe(true);
    const [api] = await checkPorts(configOf({ RATCHET_PORT: String(port) }).config);
    expect(api).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(`^port ${port} for the API is taken by `) as string,
    });
    if (process.platform === 'linux') {
      expect(api?.message).toMatch(`(process ${process.pid}`);
      expect(api?.fix).toBe(`kill ${process.pid}, or set RATCHET_PORT to another port`);
    }
  });

  test('a free port, and one that Ratchet has already', async () => {
    const server = createHttpServer((_request, response) => response.end('{"info":{"title":"Ratchet"}}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    const env = { RATCHET_PORT: String(port), TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` };
    const checks = await checkPorts(configOf(env).config);
    expect(checks.slice(0, 2).map(({ state, message }) => [state, message.replace(/\d+/, '1')])).toEqual([
      ['ok', 'port 1 for the API is in use by it already'],
      ['ok', 'port 1 for Temporal is free'],
    ]);
  });

  test.each([
    [500, 'failed'],
    [5_000, 'warning'],
    [50_000, 'ok'],
  ])('%d MB of disk are left', (megabytes, state) => {
    for (const check of checkDisk(configOf().config, () => megabytes))
      expect(check).toMatchObject({ name: 'disk', state });
  });

  test.skipIf(process.platform === 'win32')('files of keys that others may read', () => {
    const { config } = configOf();
    writeFileSync(join(home, '.env'), '# no keys\nLLM_MODEL=ollama/a\n');
    writeFileSync(config.selectionFile, '{"provider":"ollama","model":"a"}');
    for (const file of [join(home, '.env'), config.selectionFile]) chmodSync(file, 0o644);
    expect(checkKeyFiles(config)).toEqual([]);
    writeFileSync(join(home, '.env'), 'OPENAI_API_KEY=sk-123456789\n');
    writeFileSync(config.selectionFile, '{"provider":"openai","model":"a","api_key":"sk-123456789"}');
    expect(checkKeyFiles(config)).toMatchObject([
      { state: 'warning', fix: `chmod 600 ${join(home, '.env')}` },
      { state: 'warning', fix: `chmod 600 ${config.selectionFile}` },
    ]);
    chmodSync(join(home, '.env'), 0o600);
    chmodSync(config.selectionFile, 0o600);
    expect(checkKeyFiles(config)).toEqual([]);
  });
});

test('every bad setting, each with its place', async () => {
  const found = await faultsOf(
    { RATCHET_PORT: 'many' },
    { routes: { work: { model: 'no ref' } }, providers: { mine: { kind: 'nonsense' } } },
  );
  expect(
    found
      .filter(({ name }) => name === 'settings')
      .map(({ state, message }) => [state, message.replace(`${home}/`, '')]),
  ).toEqual(
    expect.arrayContaining([
      ['failed', 'environment: RATCHET_PORT is not in order'],
      ['failed', 'ratchet.json: routes.work.model is not in order'],
      ['failed', 'ratchet.json: providers.mine.kind is not in order'],
    ]),
  );
});

describe('the command', () => {
  async function doctor(env: Record<string, string>, ...args: string[]) {
    return runProcess({
      command: process.execPath,
      args: [join(packageRoot, 'src', 'cli', 'main.ts'), 'doctor', ...args],
      env: childEnvironment({
        RATCHET_HOME: home,
        OLLAMA_BASE_URL: nowhere,
        RATCHET_PORT: String(await freePort()),
        ...env,
      }),
      timeoutMs: 60_000,
    });
  }

  test('red is exit code 1, with the fix beside an arrow, and the same in JSON', async () => {
    const { code, stdout } = await doctor({ VLLM_API_BASE: nowhere });
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /failed +vllm: nothing listens on port 1 of this machine\n +→ start vllm, or correct VLLM_API_BASE/,
    );
    const json = await doctor({ VLLM_API_BASE: nowhere }, '--json');
    expect(json.code).toBe(1);
    const { ok, checks } = JSON.parse(json.stdout) as { ok: boolean; checks: Check[] };
    expect(ok).toBe(false);
    expect(checks).toContainEqual(
      expect.objectContaining({ name: 'provider', state: 'failed', fix: 'start vllm, or correct VLLM_API_BASE' }),
    );
  });

  test('a bad setting does not keep it from looking at the rest', async () => {
    const { code, stdout } = await doctor({ RATCHET_LOG_LEVEL: 'loud', VLLM_API_BASE: nowhere }, '--json');
    expect(code).toBe(1);
    const { checks } = JSON.parse(stdout) as { checks: Check[] };
    expect(checks).toContainEqual(
      expect.objectContaining({ name: 'settings', message: 'environment: RATCHET_LOG_LEVEL is not in order' }),
    );
    expect(checks).toContainEqual(expect.objectContaining({ name: 'provider' }));
  });
});

describe('what is kept, read whole', () => {
  const deep = () => checkKept(configOf().config, () => undefined);
  const database = () => join(home, '.ratchet', 'ratchet.db');

  /** A record with two blobs, and the file of the first. */
  async function keep(): Promise<string> {
    const store = await openStore({ dataDir: join(home, '.ratchet') });
    const [first] = [await store.blobs.put('one'), await store.blobs.put('another')];
    await store.close();
    return join(home, '.ratchet', 'blobs', first.slice(0, 2), first);
  }

  test('nothing yet, and all that there is, are in order', async () => {
    expect(await deep()).toMatchObject([
      { name: 'database', state: 'ok', message: 'nothing was recorded yet' },
      { name: 'blobs', state: 'ok', message: '0 blobs are whole' },
    ]);
    await keep();
    expect(await deep()).toMatchObject([
      { name: 'database', state: 'ok' },
      { name: 'blobs', state: 'ok', message: '2 blobs are whole' },
    ]);
  });

  test('a blob that was changed is named with where to restore it', async () => {
    const file = await keep();
    writeFileSync(file, 'two');
    const [, blobs] = await deep();
    expect(blobs).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(/^The blob [0-9a-f]{64} was changed on disk$/) as string,
      fix: `restore ${file} from a backup`,
    });
  });

  test('where more are damaged, their number is told', async () => {
    const file = await keep();
    const others = readdirSync(join(home, '.ratchet', 'blobs'), { recursive: true, withFileTypes: true });
    for (const one of others) if (one.isFile()) writeFileSync(join(one.parentPath, one.name), 'two');
    expect(others.some(({ name }) => file.endsWith(name))).toBe(true);
    const [, blobs] = await deep();
    expect(blobs?.message).toMatch(/ was changed on disk, and 1 more of 2 are damaged$/);
  });

  test('a page of the database that was overwritten is found', async () => {
    await keep();
    const bytes = readFileSync(database());
    // The last page but one: of some table or index.
    bytes.fill(0x5a, bytes.length - 8192, bytes.length - 4096);
    writeFileSync(database(), bytes);
    const [found] = await deep();
    expect(found).toMatchObject({ name: 'database', state: 'failed', fix: 'restore it from a backup' });
  });

  test('an index that does not say what its table says is found', async () => {
    await keep();
    const connection = new DatabaseSync(database());
    connection.exec("create table told (word); create index by_word on told (word); insert into told values ('heard')");
    connection.close();
    const bytes = readFileSync(database());
    bytes.write('heart', bytes.lastIndexOf('heard'));
    writeFileSync(database(), bytes);
    const [found] = await deep();
    expect(found).toMatchObject({ name: 'database', state: 'failed', fix: 'restore it from a backup' });
    expect(found?.message).toMatch(/ratchet\.db is damaged \(row 1 missing from index by_word.*\)$/);
  });

  test('a file that is no database is found', async () => {
    await keep();
    writeFileSync(database(), 'this is no database, but it is longer than a header of one hundred bytes. '.repeat(20));
    const [found] = await deep();
    expect(found).toMatchObject({ name: 'database', state: 'failed', fix: 'restore it from a backup' });
  });
});
