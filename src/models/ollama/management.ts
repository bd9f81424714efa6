import { RatchetError } from '../../core/errors.ts';
import type { OllamaManagement } from '../../core/ollama-options.ts';
import type { OllamaClient } from '../ollama.ts';
import { checkedBytes, tooLarge } from './checked-bytes.ts';
import { type WantedModel, toCreateRequest } from './create-request.ts';
import { type InUseDeps, usesOf } from './in-use.ts';
import type { Job, Jobs } from './jobs.ts';
import { findModelName, parseModelName, sameModel } from './name.ts';
import { transferJob } from './transfer.ts';

export interface ManagementDeps extends InUseDeps {
  ollama: OllamaClient;
  jobs: Jobs;
  /** What `providers.ollama.options` says now. InvalidInput when that is bad. */
  management: () => OllamaManagement;
}

/** What is done to the models of one Ollama. Every name is checked, and nothing that is needed is lost unless it is forced. */
export interface ModelManagement {
  /** Starts to pull a model, or joins the pull of it that is going on. */
  pull(name: string): Job;
  /** Starts to push a model to the registry that its name says. NotFound. */
  push(name: string): Promise<Job>;
  /** Starts to make a model. Conflict when there is one of that name, or one is being made. */
  create(wanted: WantedModel, options: { force: boolean }): Promise<Job>;
  /** Conflict when the destination is there already. */
  copy(source: string, destination: string, options: { force: boolean }): Promise<void>;
  /** Conflict when it is selected or a cycle needs it. */
  delete(name: string, options: { force: boolean }): Promise<void>;
  unload(name: string): Promise<void>;
  /** Sends an uploaded file on to Ollama while it comes. `false` when Ollama had it already. InvalidInput. */
  upload(digest: string, body: AsyncIterable<Uint8Array>, size: number | null): Promise<boolean>;
}

/** Creates the management of one Ollama's models. */
export function createManagement(deps: ManagementDeps): ModelManagement {
  const { ollama, jobs } = deps;
  return {
    pull: (name) => jobs.start(transferJob(deps, 'pull', name)),
    async push(name) {
      const job = transferJob(deps, 'push', name);
      await present(ollama, name);
      return jobs.start(job);
    },
    create: (wanted, options) => create(deps, wanted, options),
    async copy(source, destination, { force }) {
      parseModelName(destination);
      await present(ollama, source);
      if (!force) await assertFree(ollama, destination);
      await ollama.copy(source, destination);
    },
    async delete(name, { force }) {
      await present(ollama, name);
      const uses = force ? [] : await usesOf(deps, name);
      if (uses.length > 0) {
        throw new RatchetError(
          'Conflict',
          `${name} is needed: ${uses.join('; ')}. Force it to delete it all the same.`,
        );
      }
      await ollama.delete(name);
    },
    async unload(name) {
      await present(ollama, name);
      await ollama.unload(name);
    },
    upload: (digest, body, size) => upload(deps, digest, body, size),
  };
}

async function create(
  { ollama, jobs, management }: ManagementDeps,
  wanted: WantedModel,
  { force }: { force: boolean },
): Promise<Job> {
  const { registries } = management();
  const request = toCreateRequest(wanted, registries);
  const busy = jobs.list().some(({ kind, state, model }) => {
    return kind === 'create' && state === 'running' && sameModel(model, wanted.model);
  });
  if (busy) throw new RatchetError('Conflict', `${wanted.model} is being made already: wait until that has ended.`);
  if (!force) await assertFree(ollama, wanted.model);
  // Ollama would pull what it is made from without a word about the registry.
  if (request.from !== undefined) await present(ollama, request.from);
  for (const digest of Object.values({ ...request.files, ...request.adapters })) {
    if (await ollama.hasBlob(digest)) continue;
    throw new RatchetError('NotFound', `Ollama does not have the file sha256:${digest}: upload it first.`);
  }
  return jobs.start({
    kind: 'create',
    model: wanted.model,
    work: (tell, signal) => ollama.create(request, (status) => tell.line({ status }), signal),
  });
}

async function upload(
  { ollama, management }: ManagementDeps,
  digest: string,
  body: AsyncIterable<Uint8Array>,
  size: number | null,
): Promise<boolean> {
  const { blobBytes } = management();
  if (size !== null && size > blobBytes) throw tooLarge(blobBytes);
  if (await ollama.hasBlob(digest)) return false;
  await ollama.sendBlob(digest, checkedBytes(body, { digest, limit: blobBytes }));
  return true;
}

/** Throws NotFound, with the command that gets it, unless Ollama has a model. */
async function present(ollama: OllamaClient, name: string): Promise<void> {
  parseModelName(name);
  if (!(await ollama.find(name))) throw notPulled(name);
}

/** What is said of a model that Ollama does not have. */
export function notPulled(name: string): RatchetError {
  const isName = findModelName(name) !== null;
  const advice = isName ? `get it with "ratchet models pull ${name}"` : 'GET /api/ollama/models lists what there is';
  return new RatchetError('NotFound', `Ollama does not have ${name.slice(0, 200)}: ${advice}.`);
}

async function assertFree(ollama: OllamaClient, name: string): Promise<void> {
  if (!(await ollama.find(name))) return;
  throw new RatchetError(
    'Conflict',
    `There is a model ${name} already: take another name, or force it to replace that.`,
  );
}
