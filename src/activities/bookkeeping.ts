import { cancellationSignal } from '@temporalio/activity';
import { ZodError } from 'zod';
import { closedStates } from '../core/cycle.ts';
import { RatchetError } from '../core/errors.ts';
import { type Recipe, applyPatch } from '../core/recipe.ts';
import { appendEvent } from '../store/event-log.ts';
import { asFailure } from './boundary.ts';
import { type StepDeps, beating } from './step.ts';
import { holdTurn } from './turn.ts';
import type { BookkeepingActivities, StateNote } from './types.ts';

export function createBookkeeping(deps: StepDeps): BookkeepingActivities {
  return {
    takeTurn: (input) => beating(() => holdTurn(deps.store, input, cancellationSignal())),
    noteState: (note) => failing(() => noteState(deps, note)),
    patchRecipe: (input) => failing(() => patchRecipe(deps, input)),
  };
}

async function noteState({ store, dataDir }: StepDeps, note: StateNote): Promise<void> {
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
}

async function patchRecipe(
  { store }: StepDeps,
  { cycleId, recipe, patch }: { cycleId: string; recipe: string; patch: Record<string, unknown> },
): Promise<{ recipe: string }> {
  const digest = await store.blobs.putJson(patched(await store.blobs.getJson<Recipe>(recipe), patch));
  await store.cycles.update(cycleId, { recipe: digest });
  return { recipe: digest };
}

function patched(recipe: Recipe, patch: Record<string, unknown>): Recipe {
  try {
    return applyPatch(recipe, patch);
  } catch (error) {
    if (!(error instanceof ZodError)) throw error;
    const faults = error.issues.map((issue) => `${issue.path.join('.') || 'patch'}: ${issue.message}`);
    throw new RatchetError('InvalidInput', `Correct the patch and send it again: ${faults.join('; ')}.`);
  }
}

async function failing<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw asFailure(error);
  }
}
