import type { CycleState } from '../../core/cycle.ts';
import type { CycleRecord, Store } from '../../store/types.ts';
import { type BaseRoots, baseModelName, resolveBase } from '../bases.ts';
import { selectionRef, type Selection } from '../selection.ts';
import { keyOf, sameModel } from './name.ts';

export interface InUseDeps {
  store: Pick<Store, 'cycles'>;
  selection: () => Selection | null;
  baseRoots: BaseRoots;
  modelPrefix: string;
}

const open: readonly CycleState[] = ['queued', 'running', 'needs_attention', 'awaiting_approval', 'interrupted'];

/** Why a model of Ollama must not be taken away now, as parts of a sentence; empty when nothing needs it. */
export async function usesOf(deps: InUseDeps, name: string): Promise<string[]> {
  const selection = deps.selection();
  const isSelected = selection !== null && sameRef(selectionRef(selection), name);
  const uses = isSelected ? ['it is the selected model'] : [];
  let cursor: string | null = null;
  do {
    const page = await deps.store.cycles.list(
      { states: open },
      { limit: 100, order: 'desc', ...(cursor !== null && { cursor }) },
    );
    for (const cycle of page.items) {
      const use = await useIn(deps, cycle, name);
      if (use !== null) uses.push(`the cycle ${cycle.id} ${use}`);
    }
    cursor = page.next;
  } while (cursor !== null);
  return uses;
}

async function useIn(deps: InUseDeps, { id, base }: CycleRecord, name: string): Promise<string | null> {
  const found = await resolveBase(deps.baseRoots, base).catch(() => null);
  if (sameModel(found?.ollama ?? baseModelName(deps.modelPrefix, base), name)) return 'compares with it as its base';
  const { import: imported } = await deps.store.cycles.finishedOutputs(id);
  return imported && sameRef(imported.served, name) ? 'has made it' : null;
}

function sameRef(ref: string, name: string): boolean {
  return ref.startsWith('ollama/') && keyOf(ref.slice('ollama/'.length)) === keyOf(name);
}
