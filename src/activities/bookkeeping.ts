import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { closedStates } from '../core/cycle.ts';
import { type Recipe, applyPatch } from '../core/recipe.ts';
import { appendEvent, readEvents } from '../store/event-log.ts';
import { asFailure, asRetried } from './boundary.ts';
import { type StepDeps, beating } from './step.ts';
import { holdTurn } from './turn.ts';
import type { BookkeepingActivities, StateNote } from './types.ts';

export function createBookkeeping(deps: StepDeps): BookkeepingActivities {
  return {
    takeTurn: (input) => beating(() => holdTurn(deps.store, input, cancellationSignal()), asRetried),
    noteState: (note) => failing(() => noteState(deps, note), asRetried),
    patchRecipe: (input) => failing(() => patchRecipe(deps, input), asFailure),
    admitAbort: (input) => failing(() => admitAbort(deps, input), asRetried),
  };
}

async function noteState({ store, dataDir }: StepDeps, note: StateNote): Promise<{ runId: string }> {
  const now = Date.now();
  const cycle = await store.cycles.get(note.cycleId);
  await store.cycles.update(note.cycleId, {
    state: note.state,
    step: note.step,
    attention: note.attention,
    result: note.result && { ...note.result },
    ...(note.state === 'running' && cycle?.startedAt === null ? { startedAt: now } : {}),
    finishedAt: closedStates.includes(note.state) ? now : null,
  });
  if (note.release) await store.cycles.releaseTurn(note.base, note.cycleId);
  await appendEvent(dataDir, note.cycleId, {
    at: new Date(now).toISOString(),
    cycle: note.cycleId,
    step: note.step,
    kind: 'state',
    data: {
      state: note.state,
      ...(note.attention && { attention: note.attention }),
      ...(note.result && { result: note.result }),
    },
  });
  return { runId: runId() };
}

/** The first run that gets an abort notes it in the cycle's log, where a later run finds it. */
async function admitAbort(
  { dataDir }: StepDeps,
  { cycleId, update }: { cycleId: string; update: string },
): Promise<boolean> {
  const events = await readEvents(dataDir, cycleId, 0);
  const noted = events.find(({ event }) => event.kind === 'log' && event.data.abort === update);
  if (noted) return noted.event.data.run === runId();
  await appendEvent(dataDir, cycleId, {
    at: new Date().toISOString(),
    cycle: cycleId,
    step: null,
    kind: 'log',
    data: { message: 'It is told to abort.', abort: update, run: runId() },
  });
  return true;
}

function runId(): string {
  return activityInfo().workflowExecution?.runId ?? '';
}

async function patchRecipe(
  { store }: StepDeps,
  { cycleId, recipe, patch }: { cycleId: string; recipe: string; patch: Record<string, unknown> },
): Promise<{ recipe: string }> {
  const digest = await store.blobs.putJson(applyPatch(await store.blobs.getJson<Recipe>(recipe), patch));
  await store.cycles.update(cycleId, { recipe: digest });
  return { recipe: digest };
}

async function failing<T>(body: () => Promise<T>, failure: (error: unknown) => Error): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw failure(error);
  }
}
