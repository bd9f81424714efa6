import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import { digestOf } from '../fixtures/model-registry.ts';
import { type OllamaWire, layerLine, startOllamaWire } from '../fixtures/ollama-wire.ts';
import { type RealApi, startRealApi } from '../fixtures/real-api.ts';

let home: string;
let ollama: OllamaWire;
let api: RealApi;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'ratchet-ollama-cli-'));
  ollama = await startOllamaWire();
  api = await startRealApi(home, { OLLAMA_BASE_URL: ollama.url });
});
afterAll(async () => {
  await api?.stop();
  await ollama?.close();
  await rm(home, { recursive: true, force: true });
});
beforeEach(() => {
  ollama.calls.length = 0;
  ollama.models.add('tiny:latest');
});
afterEach(() => {
  expect(ollama.scripts).toEqual([]);
  ollama.models.clear();
});

interface Started {
  child: ChildProcess;
  /** All that it has said so far. */
  said(): string;
  /** Resolves when it has said something. */
  until(text: string): Promise<void>;
  ended: Promise<{ code: number | null; said: string }>;
}

function start(...args: string[]): Started {
  const child = spawn(process.execPath, [join(packageRoot, 'bin/ratchet.js'), 'models', ...args, '--url', api.url], {
    cwd: home,
    env: childEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const waiting: { text: string; go: () => void }[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => {
      said += more;
      for (const { text, go } of waiting) if (said.includes(text)) go();
    });
  }
  return {
    child,
    said: () => said,
    until: (text) => (said.includes(text) ? Promise.resolve() : new Promise((go) => waiting.push({ text, go }))),
    ended: once(child, 'close').then(([code]) => ({ code: code as number | null, said })),
  };
}

const run = (...args: string[]) => start(...args).ended;

async function json<T>(...args: string[]): Promise<T> {
  const { code, said } = await run(...args, '--json');
  expect(code, said).toBe(0);
  return JSON.parse(said) as T;
}

const manifest = { status: 'pulling manifest' };
const success = { status: 'success' };

describe('ratchet models', () => {
  test('pull shows what is done, how far it is, and that it was cut and goes on', async () => {
    ollama.scripts.push(
      { lines: [manifest, layerLine(0), layerLine(250_000)], ending: 'cut' },
      { lines: [manifest, layerLine(250_000), layerLine(1_000_000), { status: 'verifying sha256 digest' }, success] },
    );
    const { code, said } = await run('pull', 'qwen2.5:0.5b');
    expect(said).toContain('pulling manifest\npulling 8daa9615cce3\n');
    expect(said).toMatch(/pulling 8daa9615cce3 \d+%  \d+(\.\d)? k?B of 1\.0 MB/);
    expect(said).toContain('cut off: Ollama stopped while it was busy with qwen2.5:0.5b: try again. Going on in 1 s.');
    expect(said).toContain('verifying sha256 digest\nsuccess\n');
    expect(code).toBe(0);
    const pulls = ollama.calls.filter(({ call }) => call === 'POST /api/pull');
    expect(pulls.map(({ body }) => body)).toEqual(
      Array.from({ length: 2 }, () => ({ model: 'qwen2.5:0.5b', stream: true })),
    );
  });

  test('pull --json has an object on each line, the last with the end', async () => {
    ollama.scripts.push({ lines: [manifest, layerLine(500_000), layerLine(1_000_000), success] });
    const { said } = await run('pull', 'qwen2.5:0.5b', '--json');
    const lines = said
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines[0]).toEqual({ event: 'status', status: 'pulling manifest' });
    expect(lines.at(-3)).toMatchObject({
      event: 'progress',
      bytes: 1_000_000,
      total: 1_000_000,
      percent: 100,
    });
    expect(lines.at(-1)).toEqual({ event: 'end', state: 'done', error: null });
  });

  test.each([
    [{ error: 'pull model manifest: file does not exist' }, 'The registry has no x: look up its name and tag'],
    [{ error: 'write /blobs: no space left on device' }, 'Ollama has no space left: free some disk space'],
    [{ error: 'unauthorized: access denied' }, 'Ollama refused: unauthorized: access denied.'],
  ])('pull that fails with %j says so in one sentence', async (line, sentence) => {
    ollama.scripts.push({ lines: [manifest, line] });
    const { code, said } = await run('pull', 'x');
    expect(said).toContain(`ratchet: ${sentence}`);
    expect(code).toBe(1);
  });

  test('Ctrl-C leaves a pull to itself; it is listed, joined, and cancelled', async () => {
    ollama.scripts.push({ lines: [manifest, layerLine(500_000)], ending: 'hold' });
    const first = start('pull', 'large');
    await first.until('500 kB of 1.0 MB');
    first.child.kill('SIGINT');
    const { code, said } = await first.ended;
    expect(said).toMatch(/It goes on without you. To end it: ratchet models cancel [0-9a-f-]{36}\n$/);
    expect(code).toBe(0);
    const second = start('pull', 'large:latest');
    await second.until('500 kB of 1.0 MB');
    const [job] = await json<{ model: string; state: string; id: string }[]>('jobs');
    expect(job).toMatchObject({ model: 'large', state: 'running' });
    expect((await run('cancel', 'large')).said).toBe('The pull of large is cancelled.\n');
    expect(await second.ended).toMatchObject({
      code: 1,
      said: expect.stringContaining('ratchet: The pull of large was cancelled.') as string,
    });
    expect(ollama.calls.filter(({ call }) => call === 'POST /api/pull')).toHaveLength(1);
  });

  test('a key that is kept for what stands before Ollama is sent along', async () => {
    const keys = join(api.dataDir, 'provider-keys.json');
    await writeFile(keys, JSON.stringify({ ollama: 'key-of-the-proxy' }), { mode: 0o600 });
    await vi.waitFor(async () => {
      expect((await run('ls')).code).toBe(0);
      expect(ollama.calls.at(-1)?.authorization).toBe('Bearer key-of-the-proxy');
    }, 60_000);
    await writeFile(keys, '{}', { mode: 0o600 });
  });

  test('ls, show, ps, copy, unload and rm', async () => {
    expect((await run('ls')).said).toBe(
      'NAME         SIZE    PARAMETERS  WEIGHTS  CHANGED\ntiny:latest  397 MB  494.03M     Q4_K_M   2026-01-02  in memory\n',
    );
    expect(await json('ls')).toMatchObject([{ name: 'tiny:latest', loaded: true, selected: false }]);
    const { said } = await run('show', 'tiny');
    expect(said).toMatch(/^family +qwen2$/m);
    expect(said).toMatch(/^context +32768$/m);
    expect(said).toMatch(/^can +completion, tools$/m);
    expect(said).toContain('\ntemplate\n  {{ .Prompt }}\n');
    expect((await run('show', 'tiny', '--modelfile')).said).toBe('FROM tiny\n\n');
    expect((await run('ps')).said).toContain('tiny:latest  600 MB  50%         4096     2026-01-02T03:09:05Z');
    expect((await run('copy', 'tiny', 'mine')).said).toBe('mine is tiny as well.\n');
    expect((await run('copy', 'tiny', 'mine')).said).toContain('There is a model mine already');
    expect((await run('copy', 'tiny', 'mine', '--force')).code).toBe(0);
    expect((await run('unload', 'mine')).said).toBe('mine is dropped from memory.\n');
    expect(await json('rm', 'mine')).toEqual({ deleted: ['mine'] });
    expect([...ollama.models]).toEqual(['tiny:latest']);
    expect(await run('rm', 'mine')).toEqual({
      code: 1,
      said: 'ratchet: Ollama does not have mine: get it with "ratchet models pull mine".\n',
    });
  });

  test('create sends a Modelfile, and uploads the files that it names', async () => {
    await mkdir(join(home, 'weights'), { recursive: true });
    const files = { 'weights/model.safetensors': 'tensors', 'weights/config.json': '{}', 'lora.gguf': 'adapter' };
    for (const [name, text] of Object.entries(files)) await writeFile(join(home, name), text);
    await writeFile(join(home, 'Modelfile'), 'FROM ./weights\nADAPTER lora.gguf\nPARAMETER num_ctx 512\n');
    const { code, said } = await run('create', 'mine', '--quantize', 'q8_0');
    expect(code, said).toBe(0);
    const named = (name: keyof typeof files) => digestOf(Buffer.from(files[name]));
    expect(ollama.calls.find(({ call }) => call === 'POST /api/create')?.body).toEqual({
      model: 'mine',
      files: { 'model.safetensors': named('weights/model.safetensors'), 'config.json': named('weights/config.json') },
      adapters: { 'lora.gguf': named('lora.gguf') },
      parameters: { num_ctx: 512 },
      quantize: 'q8_0',
      stream: true,
    });
    expect(ollama.blobs.get(named('lora.gguf'))?.toString()).toBe('adapter');
  });

  test('create makes a model of another one', async () => {
    const parameters = ['--parameter', 'temperature=0.2', 'stop=END', 'stop=STOP'];
    const { code, said } = await run('create', 'mine', '--from', 'tiny', '--system', 'Be kind.', ...parameters);
    expect(code, said).toBe(0);
    expect(ollama.calls.find(({ call }) => call === 'POST /api/create')?.body).toEqual({
      model: 'mine',
      from: 'tiny',
      system: 'Be kind.',
      parameters: { temperature: 0.2, stop: ['END', 'STOP'] },
      stream: true,
    });
  });

  test.each([
    [['create', 'mine', '-f', 'nowhere'], 'nowhere cannot be read: name a Modelfile with -f, or use --from.'],
    [['create', 'mine', '-f', 'x', '--from', 'tiny'], 'Give --file or --from, not both.'],
    [['create', 'mine', '--system', 'x'], 'go with --from'],
    [
      ['create', 'mine', '--from', 'tiny', '--parameter', 'nonsense'],
      '"nonsense" is no parameter: write it as name=value.',
    ],
    [['create', 'mine', '--from', 'tiny', '--parameter', 'heat=1'], 'Ollama knows no parameter "heat"'],
    [['pull', 'evil.example/a/b'], 'Models of evil.example are not allowed'],
    [['push', 'tiny:none'], 'Ollama does not have tiny:none'],
    [['cancel', 'nothing'], 'There is no job "nothing"'],
  ])('%j is refused with one sentence', async (args, sentence) => {
    const { code, said } = await run(...args);
    expect(said).toContain(sentence);
    expect(code).toBe(1);
  });
});
