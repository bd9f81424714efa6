import { join } from 'node:path';
import { packageRoot } from '../config.ts';
import { lockedNpm, lockedPython } from './locked.ts';
import type { Part } from './part.ts';

const peers = join(packageRoot, 'bench', 'peers');

/** Clients that people really use, for the tests. */
export const clientsPart: Part = lockedPython({
  name: 'python-clients',
  title: 'Python clients (LiteLLM, DSPy) for the tests',
  lock: join(packageRoot, 'test', 'fixtures', 'clients', 'requirements.txt'),
  subject: 'litellm',
  minutes: 1,
  megabytes: 400,
});

/** What the benches compare with; made only when a bench asks for it. */
export const litellmPart: Part = lockedPython({
  name: 'litellm',
  title: 'the LiteLLM proxy for a bench',
  lock: join(peers, 'litellm.txt'),
  subject: 'litellm',
  minutes: 2,
  megabytes: 800,
});

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
