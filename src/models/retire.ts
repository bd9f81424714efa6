import { asRatchetError } from '../core/errors.ts';
import type { ModelVersion, PromotionRecord } from '../store/types.ts';
import { reconcile } from './ledger.ts';
import { type PromotionDeps, promote, rollback } from './promotions.ts';
import { refSelection, selectionRef } from './selection.ts';

export interface RetireDeps {
  promotions: PromotionDeps;
  /** Makes sure that a base is served; its model ref. */
  serveBase: (base: string) => Promise<string>;
  /** Deletes a served model; false when it was not there. */
  deleteServed: (ref: string) => Promise<boolean>;
  /** Deletes the adapter and the checkpoints of a version. */
  deleteWeights: (version: ModelVersion) => Promise<void>;
}

export interface Retired {
  /** Model ref that is selected in its place; null when nothing had to move, or could. */
  selected: string | null;
  /** Ids of the versions whose weights are deleted. */
  deleted: string[];
  /** What a person has to know or do, one sentence each. */
  notes: string[];
}

/**
 * Takes model versions out of use: goes back to the newest selection that is not one of them nor stale itself, else to the base,
 * then deletes them. One that stays selected because there is nothing else is not deleted.
 */
export async function retire(deps: RetireDeps, versions: readonly ModelVersion[], actor: string): Promise<Retired> {
  const { refOf = selectionRef } = deps.promotions;
  const retired: Retired = { selected: null, deleted: [], notes: [] };
  const inForce = await reconcile(deps.promotions);
  const selected = inForce && versions.find(({ served }) => served === refOf(inForce.selection));
  if (selected) retired.selected = await moveAway(deps, selected, actor, retired.notes);
  for (const version of versions) {
    const stays = selected?.served === version.served && retired.selected === null;
    if (!stays && (await remove(deps, version, retired.notes))) retired.deleted.push(version.id);
  }
  return retired;
}

async function moveAway(deps: RetireDeps, stale: ModelVersion, actor: string, notes: string[]): Promise<string | null> {
  const { promotions } = deps;
  const { refOf = selectionRef } = promotions;
  try {
    const line = await rollback(promotions, { actor, isFit: (earlier) => isUntouched(promotions, earlier) });
    return refOf(line.selection);
  } catch (error) {
    if (asRatchetError(error).code !== 'Conflict') throw error;
  }
  try {
    const ref = await deps.serveBase(stale.base);
    await promote(promotions, { target: { selection: refSelection(ref) }, actor });
    notes.push(`No earlier selection is untouched: the base is selected, ${ref}.`);
    return ref;
  } catch (error) {
    const why = asRatchetError(error).message;
    notes.push(
      `${stale.served} stays selected and is not deleted, because nothing untouched can take its place (${why})`,
    );
    return null;
  }
}

/** Whether an earlier selection can be asked now, and learned nothing that is forgotten. */
async function isUntouched(promotions: PromotionDeps, line: PromotionRecord): Promise<boolean> {
  const { models, refOf = selectionRef } = promotions;
  const { modelVersion, selection } = line;
  const version = modelVersion === null ? await models.byServed(refOf(selection)) : await models.get(modelVersion);
  if (version && (version.stale !== null || version.deletedAt !== null)) return false;
  return promotions.assertServed(`${selection.provider}/${selection.model}`).then(
    () => true,
    () => false,
  );
}

async function remove(deps: RetireDeps, version: ModelVersion, notes: string[]): Promise<boolean> {
  try {
    await deps.deleteServed(version.served);
    await deps.deleteWeights(version);
    await deps.promotions.models.noteDeleted(version.id);
    return true;
  } catch (error) {
    notes.push(
      `${version.served} could not be deleted (${asRatchetError(error).message}) Run it again, or delete it yourself.`,
    );
    return false;
  }
}
