import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { childEnvironment, loadConfig, packageRoot } from '../../src/config.ts';
import { basesWithOrigin, builtInBases, resolveBase } from '../../src/models/bases.ts';
import { type AddedBase, addBase } from '../../src/models/hub/add-base.ts';
import { createHub } from '../../src/models/hub/client.ts';
import { type BaseSource, folderSource, hubSource } from '../../src/models/hub/source.ts';
import type { Figures } from '../../src/models/ollama/figures.ts';
import { checkBase } from '../../src/training/check-base.ts';
import { type WarmPython, createWarmPython } from '../../src/training/warm-python.ts';
import { type HubRepository, type HubServer, repositoryOf, startHub } from '../fixtures/hub-server.ts';

const { python } = loadConfig();
const tiny = builtInBases(packageRoot)['tiny-support'] ?? '';
const id = 'Acme/Tiny_Support-1M';

let folder: string;
let basesDir: string;
let hub: HubServer;
let warmPython: WarmPython;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-add-'));
  warmPython = createWarmPython({ logFile: join(folder, 'python.log') });
  hub = await startHub();
});
afterAll(async () => {
  await warmPython.stop();
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  basesDir = await mkdtemp(join(folder, 'bases-'));
  hub.repositories.set(id, await repositoryOf(tiny));
});
afterEach(() => {
  hub.repositories.clear();
  hub.fetches.length = 0;
  hub.cuts.length = 0;
});

const fromHub = (revision = 'main', token: string | null = null): Promise<BaseSource> =>
  hubSource(
    { hub: createHub({ endpoint: hub.url, token }), waits: [1, 1] },
    { id, revision, signal: AbortSignal.timeout(60_000) },
  );

interface Watched {
  added: AddedBase;
  figures: Figures[];
  statuses: string[];
}

async function add(source: BaseSource, name = 'tiny'): Promise<Watched> {
  const [figures, statuses]: [Figures[], string[]] = [[], []];
  const checking = { dataDir: join(folder, 'data'), python: () => python ?? '', warmPython };
  const deps = {
    roots: { basesDir, builtIn: builtInBases(packageRoot) },
    check: (at: string, how: { withoutWeights: boolean; signal: AbortSignal }) => checkBase(checking, at, how),
  };
  const added = await addBase(deps, {
    name,
    source,
    signal: AbortSignal.timeout(240_000),
    onStatus: (status) => statuses.push(status),
    onFigures: (now) => figures.push(now),
  });
  return { added, figures, statuses };
}

/** Fetches of the weights, from where on. */
/** Bytes of weights that are in the folder of bases. */
async function cameOfWeights(): Promise<number> {
  const found = await readdir(basesDir, { recursive: true });
  const weights = found.filter((path) => path.includes('.safetensors'));
  const sizes = weights.map(async (path) => (await stat(join(basesDir, path))).size);
  return Math.max(0, ...(await Promise.all(sizes)));
}

const weightFetches = (): number[] =>
  hub.fetches.filter(({ path }) => path === 'model.safetensors').map(({ from }) => from);

async function changed(change: Partial<HubRepository>, files: Record<string, string | null> = {}): Promise<void> {
  const repository = await repositoryOf(tiny, change);
  for (const [path, text] of Object.entries(files)) {
    if (text === null) repository.files.delete(path);
    else repository.files.set(path, Buffer.from(text));
  }
  hub.repositories.set(id, repository);
}

async function jsonWith(file: string, change: object): Promise<string> {
  return JSON.stringify({ ...(JSON.parse(await readFile(join(tiny, file), 'utf8')) as object), ...change });
}

describe.skipIf(!python)('a base of the hub', () => {
  test('is fetched with what training needs and nothing else, in full or not at all', async () => {
    const more = { 'README.md': '# It', 'pytorch_model.bin': 'pickle', 'onnx/model.onnx': 'x', LICENSE: 'MIT' };
    await changed({}, more);
    hub.cuts.push(300_000, 500_000);
    const { added, figures, statuses } = await add(await fromHub());
    // It went on about where it was cut, twice: what was on the way is lost with a connection.
    const [first, second = 0, third = 0, ...rest] = weightFetches();
    expect([first, rest]).toEqual([0, []]);
    expect(second).toBeGreaterThan(0);
    expect(third).toBeGreaterThan(second);
    expect(added).toMatchObject({ name: 'tiny', added: true, origin: { hub: id, revision: 'c'.repeat(40) } });
    const own = await readdir(tiny);
    expect((await readdir(added.folder)).sort()).toEqual([...own, 'LICENSE', 'ratchet.json'].sort());
    for (const name of own) {
      expect((await readFile(join(added.folder, name))).equals(await readFile(join(tiny, name))), name).toBe(true);
    }
    expect(await readdir(basesDir)).toEqual(['tiny']);
    expect(figures.at(-1)).toMatchObject({ percent: 100 });
    expect(statuses.at(-1)).toBe('converting for training');
    const roots = { basesDir, builtIn: {} };
    expect(await resolveBase(roots, 'tiny')).toMatchObject({ origin: added.origin, ollama: null });
    expect(await basesWithOrigin(roots)).toEqual([{ name: 'tiny', origin: added.origin }]);
    // Again: nothing is fetched.
    const before = hub.fetches.length;
    expect((await add(await fromHub())).added).toEqual({ ...added, added: false });
    expect(hub.fetches.length).toBe(before);
  });

  test('the command goes on after it was killed', async () => {
    hub.cuts.push(-400_000);
    const env = {
      RATCHET_HOME: folder,
      RATCHET_BASES_DIR: basesDir,
      RATCHET_PYTHON: python ?? '',
      HF_ENDPOINT: hub.url,
    };
    const start = () => {
      const args = [join(packageRoot, 'src/cli/main.ts'), 'bases', 'add', id, '--json'];
      const child = spawn(process.execPath, args, { cwd: folder, env: childEnvironment(env) });
      let [out, err] = ['', ''];
      child.stdout.on('data', (more: Buffer) => (out += more.toString()));
      child.stderr.on('data', (more: Buffer) => (err += more.toString()));
      return { child, ended: once(child, 'close').then(([code]) => ({ code: code as number | null, out, err })) };
    };
    const first = start();
    await expect.poll(cameOfWeights, { timeout: 120_000 }).toBeGreaterThan(0);
    first.child.kill('SIGKILL');
    await first.ended;
    hub.cuts.length = 0;
    hub.fetches.length = 0;
    const { code, out, err } = await start().ended;
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(JSON.parse(out)).toMatchObject({ name: 'tiny_support-1m', added: true });
    // Nothing that had come was fetched again.
    expect(hub.fetches).toEqual([{ path: 'model.safetensors', from: expect.any(Number) as number }]);
    expect(weightFetches()[0]).toBeGreaterThan(0);
    expect(err).toContain('fetching weights');
    expect((await readdir(basesDir)).filter((name) => !name.endsWith('.lock'))).toEqual(['tiny_support-1m']);
  });

  test('a file that is not what the hub lists is thrown away, and the rest goes on', async () => {
    const spoil = (path: string, bytes: Buffer): Buffer =>
      path === 'model.safetensors' ? Buffer.concat([bytes.subarray(0, -1), Buffer.from('!')]) : bytes;
    await changed({ send: spoil });
    await expect(add(await fromHub())).rejects.toMatchObject({
      code: 'Conflict',
      message: expect.stringMatching(
        /^model\.safetensors has the checksum .* and was thrown away: run it again\.$/,
      ) as string,
    });
    await expect(resolveBase({ basesDir, builtIn: {} }, 'tiny')).rejects.toMatchObject({ code: 'BaseMissing' });
    await changed({});
    hub.fetches.length = 0;
    expect((await add(await fromHub())).added.added).toBe(true);
    expect(hub.fetches).toEqual([{ path: 'model.safetensors', from: 0 }]);
  });

  test('one that is not for everybody is fetched with a token, which goes to the hub alone', async () => {
    await changed({ closed: 403 });
    await expect(fromHub()).rejects.toThrow(`accept its terms at ${hub.url}/${id}: do so, and set HF_TOKEN`);
    await changed({ closed: 401 });
    await expect(fromHub()).rejects.toThrow(`There is no ${id} at ${hub.url} for everybody: look at the name, or set`);
    expect((await add(await fromHub('main', 'hf_of-a-test'))).added.added).toBe(true);
    expect(hub.leaked).toEqual([]);
  });

  test.each<[string, string, () => Promise<void>]>([
    ['is not there', `There is no ${id}`, () => Promise.resolve(void hub.repositories.delete(id))],
    [
      'has a path out of it',
      'lists "../x.safetensors", which leads out of the model',
      () => changed({ list: (entries) => [...entries, { type: 'file', path: '../x.safetensors', size: 1, oid: 'a' }] }),
    ],
    [
      'has an index that leads out of it',
      'model.safetensors.index.json names "../../x.safetensors"',
      () => changed({}, { 'model.safetensors.index.json': '{"weight_map":{"a":"../../x.safetensors"}}' }),
    ],
    [
      'lacks a part of its weights',
      'It lacks model-2.safetensors',
      () => changed({}, { 'model.safetensors.index.json': '{"weight_map":{"a":"model-2.safetensors"}}' }),
    ],
    [
      'is a pickle',
      'its weights are pickles',
      () => changed({}, { 'model.safetensors': null, 'pytorch_model.bin': 'pickle' }),
    ],
    ['is GGUF', 'GGUF is not trained', () => changed({}, { 'model.safetensors': null, 'q4.gguf': 'GGUF' })],
    [
      'is an adapter',
      'It is an adapter',
      () => changed({}, { 'config.json': null, 'adapter_config.json': '{}', 'adapter_model.safetensors': 'x' }),
    ],
    ['has no tokenizer', 'It lacks tokenizer.json', () => changed({}, { 'tokenizer.json': null })],
    [
      'is of another family',
      'is a MambaForCausalLM, which cannot be trained here',
      async () =>
        changed({}, { 'config.json': await jsonWith('config.json', { architectures: ['MambaForCausalLM'] }) }),
    ],
    [
      'was never taught to chat',
      'has no chat template: use an instruct model',
      async () =>
        changed({}, { 'tokenizer_config.json': await jsonWith('tokenizer_config.json', { chat_template: null }) }),
    ],
    [
      'has more than it lists',
      'more than the 94 bytes',
      () => changed({ send: (path, bytes) => (path.startsWith('gen') ? Buffer.concat([bytes, bytes]) : bytes) }),
    ],
  ])('one that %s is refused in a sentence before its weights are fetched', async (_, said, arrange) => {
    await arrange();
    const token = said.startsWith('There is no') ? 'hf_of-a-test' : null;
    await expect(fromHub('main', token).then((source) => add(source))).rejects.toThrow(said);
    expect(weightFetches()).toEqual([]);
    expect((await readdir(basesDir)).filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  test('a revision that is not there, a name that is no name, a hub that is not there', async () => {
    await expect(fromHub('v9')).rejects.toThrow(`${id} has no such revision`);
    await expect(add(await fromHub(), '../elsewhere')).rejects.toThrow('"../elsewhere" is no name for a base');
    await expect(add(await fromHub(), 'tiny-support')).rejects.toThrow('There is a base "tiny-support" already');
    const nowhere = { hub: createHub({ endpoint: 'http://127.0.0.1:1', token: null }) };
    const asked = { revision: 'main', signal: AbortSignal.timeout(60_000) };
    await expect(hubSource(nowhere, { id, ...asked })).rejects.toThrow('http://127.0.0.1:1 does not answer: check');
    await expect(hubSource(nowhere, { id: 'a/b/../../c', ...asked })).rejects.toThrow('neither a folder nor a model');
  });
});

describe.skipIf(!python)('a folder', () => {
  test('is linked where it is on the same disk, links in it are followed', async () => {
    const cache = join(folder, 'snapshot');
    await mkdir(cache, { recursive: true });
    await cp(tiny, join(folder, 'blobs'), { recursive: true });
    for (const name of await readdir(tiny)) await symlink(join('..', 'blobs', name), join(cache, name));
    await writeFile(join(cache, 'pytorch_model.bin'), 'pickle');
    const { added } = await add(await folderSource(cache));
    expect(added).toMatchObject({ added: true, origin: null });
    expect((await readdir(added.folder)).sort()).toEqual((await readdir(tiny)).sort());
    const [own, given] = await Promise.all(
      [added.folder, join(folder, 'blobs')].map((at) => stat(join(at, 'model.safetensors'))),
    );
    expect(own?.ino).toBe(given?.ino);
    expect(await resolveBase({ basesDir, builtIn: {} }, 'tiny')).toMatchObject({ origin: null });
    await expect(add(await folderSource(cache))).rejects.toThrow('There is a base "tiny" already');
    await expect(folderSource(join(folder, 'none'))).rejects.toThrow('There is no folder');
  });

  test('whose weights are damaged is refused and leaves nothing', async () => {
    const damaged = join(folder, 'damaged');
    await cp(tiny, damaged, { recursive: true });
    await writeFile(join(damaged, 'model.safetensors'), 'nothing');
    await expect(add(await folderSource(damaged))).rejects.toThrow('model.safetensors is damaged');
    expect(await readdir(basesDir)).toEqual([]);
  });
});
