import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { RatchetError } from '../../core/errors.ts';
import type { Body } from '../body.ts';
import type { LocalParts, ProviderInstance } from '../definition.ts';
import { type VendorContext, connectionError } from '../errors.ts';
import { openAiCompatible } from '../openai.ts';
import type { CallOptions, Endpoint, Provider, ProviderAnswer } from '../types.ts';
import { postCall } from '../wire.ts';
import { findCheckpoint, listCheckpoints } from './checkpoints.ts';
import { type ServerPool, createServerPool } from './pool.ts';
import { toLitServe } from './request.ts';
import { startCheckpointServer } from './server.ts';

const usualIdleSeconds = 300;
const setUpHint = 'run "ratchet setup", which makes a Python with LitGPT';

/**
 * LitGPT's checkpoints of this machine, each by a `litgpt serve` that is started when it is first asked. Where an address is
 * set, what runs there is asked instead.
 */
export function createLitGpt(instance: ProviderInstance): Provider {
  const { isPlaced, local } = instance;
  return isPlaced || !local ? openAiCompatible(instance) : servedHere(instance, local);
}

function servedHere(instance: ProviderInstance, local: LocalParts): Provider {
  const { name, definition } = instance;
  const pool = poolOf(instance, local);

  async function call(endpoint: Endpoint, body: string, options: CallOptions): Promise<ProviderAnswer> {
    if (endpoint !== 'chat/completions') throw elsewhere(endpoint);
    const model = options.model ?? '';
    const request = toLitServe(body);
    const folder = await findCheckpoint(local, model, instance.options(model).checkpoint);
    const context = contextOf(name, local);
    const place = await pool.enter(folder, options.signal).catch((error: unknown) => {
      throw connectionError(error, context, options.signal);
    });
    try {
      const placed = { ...context, baseUrl: place.url };
      const answer = await postCall({ ...options, url: `${place.url}/${endpoint}`, context: placed }, request);
      return { ...answer, body: thenLeave(answer.body, place.leave) };
    } catch (error) {
      place.leave();
      throw error;
    }
  }

  return {
    name,
    kind: definition.kind,
    locality: 'local',
    reportsUsage: true,
    ...(definition.facts && { facts: definition.facts }),
    setUp: () => (local.python === null ? { state: 'missing', hint: setUpHint } : { state: 'usual' }),
    call,
    listModels: async () => (local.python === null ? [] : listCheckpoints(local)),
    async health() {
      if (local.python === null) return { state: 'yellow', reason: `There is no Python with LitGPT: ${setUpHint}.` };
      const names = await listCheckpoints(local);
      const running = pool.running().size;
      const reason = `It has ${names.length} checkpoints and serves ${running} of them now.`;
      return { state: 'green', reason, models: names.length, names };
    },
    close: () => pool.close(),
  };
}

function poolOf({ options }: ProviderInstance, { python, dataDir }: LocalParts): ServerPool {
  return createServerPool({
    start: (folder) => {
      if (python === null) throw new RatchetError('PartMissing', `There is no Python with LitGPT: ${setUpHint}.`);
      const cacheDir = join(dataDir, 'litgpt');
      return startCheckpointServer({ python, folder, cacheDir, logFile: join(dataDir, 'logs', logName(folder)) });
    },
    idleMs: () => idleSeconds(options().idle_seconds) * 1_000,
  });
}

/** Two folders may have the same last name. */
function logName(folder: string): string {
  const mark = createHash('sha256').update(folder).digest('hex').slice(0, 8);
  return `litgpt-${basename(folder).replaceAll(/[^\w.-]/g, '_')}-${mark}.log`;
}

function idleSeconds(value: unknown): number {
  return typeof value === 'number' && value > 0 && value <= 86_400 ? value : usualIdleSeconds;
}

function contextOf(provider: string, { dataDir }: LocalParts): VendorContext {
  return {
    provider,
    baseUrl: 'this machine',
    startHint: `look at its log in ${join(dataDir, 'logs')}`,
    keyHint: 'it takes none',
    modelHint: () => 'use a name that GET /v1/models lists',
  };
}

function elsewhere(endpoint: Exclude<Endpoint, 'chat/completions'>): RatchetError {
  const message =
    endpoint === 'embeddings'
      ? 'litgpt has no embeddings: ask another provider, such as ollama/nomic-embed-text.'
      : 'litgpt has no /v1/completions: send the prompt as a message to /v1/chat/completions.';
  return new RatchetError('InvalidInput', message);
}

/** The same body, which tells when nothing more comes of it. */
function thenLeave(body: Body, leave: () => void): Body {
  return {
    pause: () => body.pause(),
    resume: () => body.resume(),
    read: (reader) =>
      body.read({
        piece: (bytes) => reader.piece(bytes),
        end() {
          leave();
          reader.end();
        },
        fail(error) {
          leave();
          reader.fail(error);
        },
      }),
    cancel() {
      leave();
      body.cancel();
    },
  };
}
