import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import {
  ApplicationFailure,
  SearchAttributeType,
  TypedSearchAttributes,
  defineSearchAttributeKey,
} from '@temporalio/common';
import {
  type CycleInput,
  type CycleResult,
  type PersonRequest,
  type RetryRequest,
  type StepName,
  closedStates,
  outputsBefore,
  retryStepOf,
  searchAttributeNames,
  steps,
  surface,
  taskQueues,
  withoutEnd,
} from '../core/cycle.ts';
import { type ErrorCode, RatchetError, traits } from '../core/errors.ts';
import { type Recipe, applyPatch } from '../core/recipe.ts';
import { appendEvent } from '../store/event-log.ts';
import { uuidv7 } from '../store/ids.ts';
import type { CycleRecord, Store } from '../store/types.ts';
import { checkTemporal, withinDeadline } from './connection.ts';
import { openCycles, position } from './record.ts';

export interface CycleServiceDeps {
  store: Store;
  client: Client;
  address: string;
  dataDir: string;
  /** Throws BaseMissing. */
  resolveBase: (name: string) => Promise<unknown>;
}

export type CycleService = ReturnType<typeof createCycleService>;

/** Starts, finds and steers cycles. The store is the record; Temporal runs them. */
export function createCycleService(deps: CycleServiceDeps) {
  return {
    start: (recipe: Recipe, options?: { queue?: boolean }) => start(deps, recipe, options?.queue ?? true),
    retry: (id: string, request: RetryRequest) => retry(deps, id, request),
    abort: (id: string, request: PersonRequest) => abort(deps, id, request),
    approve: (id: string, request: PersonRequest) => update<{ state: string }>(deps, id, surface.approve, request),
    reconcile: () => reconcile(deps),
    position: (cycle: CycleRecord) => position(deps.store, cycle),
  };
}

export function workflowId(cycleId: string): string {
  return `cycle-${cycleId}`;
}

async function start(
  deps: CycleServiceDeps,
  recipe: Recipe,
  queue: boolean,
): Promise<{ cycle: CycleRecord; position: number }> {
  await deps.resolveBase(recipe.base);
  await checkTemporal(deps.client, deps.address);
  const ahead = await deps.store.cycles.line(recipe.base);
  if (!queue && ahead.length > 0) {
    throw new RatchetError(
      'Conflict',
      `Cycle ${ahead[0]?.cycleId} is training ${recipe.base}: wait for it, or leave out queue=false to stand in line.`,
    );
  }
  const digest = await deps.store.blobs.putJson(recipe);
  const cycle = await deps.store.cycles.create({ id: uuidv7(), base: recipe.base, name: recipe.name, recipe: digest });
  await deps.store.cycles.enqueue(recipe.base, cycle.id);
  await launch(deps, { cycleId: cycle.id, base: recipe.base, recipe: digest, outputs: {} });
  return { cycle, position: await position(deps.store, cycle) };
}

/** Starts the workflow; when that fails the cycle is kept as `interrupted`, so that a retry starts it. */
async function launch(deps: CycleServiceDeps, input: CycleInput): Promise<void> {
  try {
    await withinDeadline(deps.client, deps.address, () =>
      deps.client.workflow.start<(input: CycleInput) => Promise<CycleResult>>('trainingCycle', {
        workflowId: workflowId(input.cycleId),
        taskQueue: taskQueues.main,
        args: [input],
        staticSummary: `Train ${input.base}`,
        typedSearchAttributes: searchable(input),
      }),
    );
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    await interrupt(deps, input.cycleId, input.base);
    throw error;
  }
}

/** What the workflow is found by before it has run; it keeps state and step up to date itself. */
function searchable({ base }: CycleInput): TypedSearchAttributes {
  const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
  return new TypedSearchAttributes([
    { key: keyword(searchAttributeNames.state), value: 'queued' },
    { key: keyword(searchAttributeNames.base), value: base },
  ]);
}

async function retry(deps: CycleServiceDeps, id: string, request: RetryRequest): Promise<{ step: StepName }> {
  const cycle = await known(deps.store, id);
  if (cycle.state !== 'interrupted' && cycle.state !== 'aborted') {
    return update<{ step: StepName }>(deps, id, surface.retryStep, request);
  }
  return { step: await restart(deps, cycle, request) };
}

/** Starts a cycle that has no workflow again, at its first step that did not finish. */
async function restart(deps: CycleServiceDeps, cycle: CycleRecord, request: RetryRequest): Promise<StepName> {
  const { id } = cycle;
  const { cycles, blobs } = deps.store;
  const finished = await cycles.finishedOutputs(id);
  const next = steps.find((step) => finished[step] === undefined) ?? 'promote';
  const from = retryStepOf({ step: next, code: null }, request);
  const changes = Object.keys(request.patch ?? {}).length > 0;
  const recipe = changes
    ? await blobs.putJson(applyPatch(await blobs.getJson<Recipe>(cycle.recipe), request.patch))
    : cycle.recipe;
  await checkTemporal(deps.client, deps.address);
  // The same step as it was goes on from its checkpoint.
  const last = (await cycles.stepsOf(id)).at(-1);
  const key = !changes && last?.step === from && last.state !== 'done' ? last.key : undefined;
  await cycles.update(id, { state: 'queued', recipe, ...withoutEnd });
  await cycles.enqueue(cycle.base, id);
  const outputs = outputsBefore(finished, from);
  await launch(deps, { cycleId: id, base: cycle.base, recipe, outputs, ...(key && { key }) });
  return from;
}

async function abort(deps: CycleServiceDeps, id: string, request: PersonRequest): Promise<{ state: string }> {
  const cycle = await known(deps.store, id);
  if (cycle.state === 'interrupted') {
    await deps.store.cycles.update(id, { state: 'aborted', finishedAt: Date.now() });
    return { state: 'aborted' };
  }
  if (closedStates.includes(cycle.state)) throw new RatchetError('Conflict', `Cycle ${id} is ${cycle.state} already.`);
  return update<{ state: string }>(deps, id, surface.abort, request);
}

async function update<T>(deps: CycleServiceDeps, id: string, name: string, request: object): Promise<T> {
  const cycle = await known(deps.store, id);
  const handle = deps.client.workflow.getHandle(workflowId(id));
  await checkTemporal(deps.client, deps.address);
  try {
    return await deps.client.connection.withDeadline(Date.now() + 60_000, () =>
      handle.executeUpdate<T, [object]>(name, { args: [request] }),
    );
  } catch (error) {
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
      throw new RatchetError(
        'TemporalUnavailable',
        `Nothing did "${name}" for cycle ${id} within 60 s: see whether "ratchet worker" runs, then read the cycle again.`,
      );
    }
    if (error instanceof WorkflowNotFoundError) {
      throw new RatchetError(
        'Conflict',
        `Cycle ${id} is ${cycle.state} and does not run: reset it in the Temporal UI, or start a new one.`,
      );
    }
    throw error instanceof WorkflowUpdateFailedError ? refused(error) : error;
  }
}

function refused(error: WorkflowUpdateFailedError): RatchetError {
  for (let at: unknown = error.cause; at instanceof Error; at = at.cause) {
    if (at instanceof ApplicationFailure && at.type && at.type in traits)
      return new RatchetError(at.type as ErrorCode, at.message);
  }
  return new RatchetError('Conflict', error.cause instanceof Error ? error.cause.message : error.message);
}

async function known(store: Store, id: string): Promise<CycleRecord> {
  const cycle = await store.cycles.get(id);
  if (!cycle) throw new RatchetError('NotFound', `There is no cycle ${id}: list them with "ratchet cycle list".`);
  return cycle;
}

/** Open cycles whose workflow is gone or ended behind our back become `interrupted`. Returns their ids. */
async function reconcile(deps: CycleServiceDeps): Promise<string[]> {
  const settled = await openCycles(deps.store);
  if (settled.length === 0) return [];
  await checkTemporal(deps.client, deps.address);
  const lost: string[] = [];
  for (const cycle of settled) {
    if (await isRunning(deps, cycle.id)) continue;
    const now = await deps.store.cycles.get(cycle.id);
    if (!now || now.state !== cycle.state) continue;
    await interrupt(deps, cycle.id, cycle.base);
    lost.push(cycle.id);
  }
  return lost;
}

async function isRunning(deps: CycleServiceDeps, id: string): Promise<boolean> {
  try {
    const found = await withinDeadline(deps.client, deps.address, () =>
      deps.client.workflow.getHandle(workflowId(id)).describe(),
    );
    return found.status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

async function interrupt(deps: CycleServiceDeps, id: string, base: string): Promise<void> {
  await deps.store.cycles.update(id, { state: 'interrupted' });
  await deps.store.cycles.releaseTurn(base, id);
  await appendEvent(deps.dataDir, id, {
    at: new Date().toISOString(),
    cycle: id,
    step: null,
    kind: 'state',
    data: { state: 'interrupted' },
  });
}
