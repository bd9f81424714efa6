import type { JsonObject } from '../core/canonical.ts';
import type { Recipe } from '../core/recipe.ts';
import type { ModelStore, ModelVersion } from '../store/types.ts';
import type { Imported } from './import.ts';

/** Where a model version comes from: enough to make it again. */
export interface Lineage {
  recipe: Recipe;
  /** Digest of the resolved recipe's blob. */
  recipeDigest: string;
  /** Digest of the dataset version. */
  dataset: string;
  adapterDigest: string;
  cycleId: string;
  /** Losses and figures that are known at registration. */
  metrics: JsonObject;
}

/** Name in Ollama of a candidate: the recipe's, and what is unique to its adapter. */
export function candidateName(prefix: string, recipeName: string, adapterDigest: string): string {
  return `${prefix}${recipeName}-${adapterDigest.slice(0, 12)}`;
}

/** Registers what was imported as a model version. Idempotent by cycle and adapter. */
export async function registerVersion(models: ModelStore, imported: Imported, lineage: Lineage): Promise<ModelVersion> {
  const { recipe, recipeDigest, ...rest } = lineage;
  return models.register({
    ...rest,
    name: recipe.name,
    base: recipe.base,
    recipe: recipeDigest,
    served: imported.served,
    servedDigest: imported.digest,
  });
}
