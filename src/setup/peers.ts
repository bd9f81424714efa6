import { join } from 'node:path';
import { packageRoot } from '../config.ts';
import { lockedNpm, lockedPython } from './locked.ts';
import type { Part } from './part.ts';

const peers = join(packageRoot, 'bench', 'peers');

/** Clients that people really use, for the tests, and the proxy of LiteLLM, which a bench compares with as well. */
export const clientsPart: Part = lockedPython({
  name: 'python-clients',
  title: 'LiteLLM, with its proxy, and DSPy for the tests',
  lock: join(packageRoot, 'test', 'fixtures', 'clients', 'requirements.txt'),
  subject: 'litellm',
  minutes: 1,
  megabytes: 800,
});

/** What of llama.cpp a server needs, for any processor of its kind. */
const leanBuild = [
  '-DGGML_NATIVE=OFF',
  '-DGGML_OPENMP=OFF',
  '-DLLAVA_BUILD=OFF',
  '-DLLAMA_CURL=OFF',
  '-DLLAMA_BUILD_TOOLS=OFF',
  '-DLLAMA_BUILD_TESTS=OFF',
  '-DLLAMA_BUILD_EXAMPLES=OFF',
  '-DLLAMA_BUILD_SERVER=OFF',
];

/** The server of llama.cpp's Python package, which pip builds with the C++ compiler that is there. */
export const llamacppPart: Part = lockedPython({
  name: 'llamacpp',
  title: 'llama.cpp with its Python server for the tests',
  lock: join(packageRoot, 'test', 'fixtures', 'servers', 'llamacpp.txt'),
  subject: 'llama-cpp-python',
  env: { CMAKE_ARGS: leanBuild.join(' ') },
  compiles: true,
  minutes: 3,
  megabytes: 300,
});

/** What else the benches compare with; made only when a bench asks for it. */
export const tensorzeroPart: Part = lockedPython({
  name: 'tensorzero',
  title: 'the embedded gateway of TensorZero for a bench',
  lock: join(peers, 'tensorzero.txt'),
  subject: 'tensorzero',
  minutes: 1,
  megabytes: 200,
});

export const portkeyPart: Part = lockedNpm({
  name: 'portkey',
  title: 'the open gateway of Portkey for a bench',
  lock: join(peers, 'portkey'),
  subject: '@portkey-ai/gateway',
  minutes: 1,
  megabytes: 30,
});

export const datasetsPeersPart: Part = lockedPython({
  name: 'datasets-peers',
  title: 'datasketch, datatrove and rensa for a bench',
  lock: join(peers, 'datasets.txt'),
  subject: 'datasketch',
  minutes: 1,
  megabytes: 350,
});

export const trlPart: Part = lockedPython({
  name: 'trl',
  title: 'TRL for a bench',
  lock: join(peers, 'trl.txt'),
  subject: 'trl',
  minutes: 3,
  megabytes: 5900,
});

/** Makes texts with known e-mail addresses, phone numbers and the like, which a soak redacts. */
export const fakerPart: Part = lockedPython({
  name: 'faker',
  title: 'Faker for a soak',
  lock: join(packageRoot, 'test', 'fixtures', 'redaction', 'requirements.txt'),
  subject: 'Faker',
  minutes: 1,
  megabytes: 60,
});
