import { RatchetError } from '../core/errors.ts';
import type { ModelStore, PromotionRecord } from '../store/types.ts';
import {
  type Selection,
  type SelectionFile,
  readSelection,
  selectionDigest,
  selectionRef,
  writeSelection,
} from './selection.ts';

export interface LedgerDeps {
  models: ModelStore;
  /** Path of `model_select.json`. */
  selectionFile: string;
  /** Called when this process has written the selection file. */
  onWritten?: () => void;
  /** The model ref that a selection means now; {@link selectionRef} unless given. */
  refOf?: (selection: Selection) => string;
  /** Model ref that counts as selected as long as nothing is: the environment's. */
  untilSelected?: string | null;
}

/** Everything of a ledger line that its writer decides. */
export type NewLine = Pick<PromotionRecord, 'kind' | 'modelVersion' | 'selection' | 'actor' | 'cycleId' | 'evidence'>;

const pageSize = 200;

/**
 * Appends a line after the one with `after` (0 for the first), writes the selection file, and marks the line applied.
 * A crash between these is made good by {@link reconcile}. Conflict when somebody else appended first.
 */
export async function applyLine(deps: LedgerDeps, line: NewLine, after: number): Promise<PromotionRecord> {
  const fileDigest = selectionDigest(line.selection);
  const pending = await deps.models.appendPromotion({ ...line, fileDigest }, after);
  return rollForward(deps, pending);
}

/**
 * Makes ledger and selection file agree, on start and before every change. A pending line is rolled forward unless the
 * file was edited since, which abandons it. A file that nobody here wrote becomes a line: `first` in an empty ledger, else
 * `outside_edit`. A file that is gone is written again. Gives the line in force, null when nothing is selected.
 */
export async function reconcile(deps: LedgerDeps): Promise<PromotionRecord | null> {
  const file = await readSelection(deps.selectionFile);
  const head = await deps.models.head();
  const inForce = await appliedLine(deps.models);
  if (head?.state === 'pending') {
    const isWritten = file?.digest === head.fileDigest;
    const isUntouched = file === null || file.digest === inForce?.fileDigest;
    if (isWritten || isUntouched) return rollForward(deps, head);
    await deps.models.settlePromotion(head.id, 'abandoned');
  }
  if (file === null) {
    if (inForce) await writeFile(deps, inForce.selection);
    return inForce;
  }
  if (inForce && (file.digest === inForce.fileDigest || file.digest === selectionDigest(inForce.selection))) {
    return inForce;
  }
  return recordOutside(deps, file, head, inForce);
}

/** Lines that were applied, newest first. */
export async function* appliedLines(models: ModelStore): AsyncGenerator<PromotionRecord> {
  let cursor: string | null = null;
  do {
    const page = await models.promotions({ limit: pageSize, ...(cursor !== null && { cursor }) });
    yield* page.items.filter(({ state }) => state === 'applied');
    cursor = page.next;
  } while (cursor !== null);
}

/** Conflict when what is selected is not what the caller believes. */
export function assertSelected(
  { untilSelected, refOf = selectionRef }: Pick<LedgerDeps, 'untilSelected' | 'refOf'>,
  inForce: PromotionRecord | null,
  expected: string,
): void {
  const selected = inForce ? refOf(inForce.selection) : (untilSelected ?? 'nothing');
  if (selected === expected) return;
  throw new RatchetError(
    'Conflict',
    `The selection is ${selected} and no longer ${expected}, which the evidence was measured against: evaluate again.`,
    { details: { selected, expected } },
  );
}

/** Whether two selections mean the same model. */
export function sameSelection(
  { refOf = selectionRef }: Pick<LedgerDeps, 'refOf'>,
  a: Selection,
  b: Selection,
): boolean {
  return refOf(a) === refOf(b);
}

async function appliedLine(models: ModelStore): Promise<PromotionRecord | null> {
  for await (const line of appliedLines(models)) return line;
  return null;
}

/**
 * Renames the file into place, then settles the line. When the ledger has moved on meanwhile, the newer line's file is
 * written over ours, so that the last writer always leaves what the ledger's head says.
 */
async function rollForward(deps: LedgerDeps, pending: PromotionRecord): Promise<PromotionRecord> {
  await writeFile(deps, pending.selection);
  await deps.models.settlePromotion(pending.id, 'applied');
  for (let written = pending; ; ) {
    const inForce = await appliedLine(deps.models);
    if (!inForce || inForce.seq <= written.seq) break;
    await writeFile(deps, inForce.selection);
    written = inForce;
  }
  return { ...pending, state: 'applied', appliedAt: pending.appliedAt ?? Date.now() };
}

async function writeFile(deps: LedgerDeps, selection: Selection): Promise<void> {
  await writeSelection(deps.selectionFile, selection);
  deps.onWritten?.();
}

/** The file stays as its owner wrote it, with its key; only the line is new. */
async function recordOutside(
  deps: LedgerDeps,
  file: SelectionFile,
  head: PromotionRecord | null,
  inForce: PromotionRecord | null,
): Promise<PromotionRecord> {
  const { refOf = selectionRef } = deps;
  const version = await deps.models.byServed(refOf(file.selection));
  const line = await deps.models.appendPromotion(
    {
      kind: inForce ? 'outside_edit' : 'first',
      modelVersion: version?.id ?? null,
      selection: file.selection,
      fileDigest: file.digest,
      actor: 'outside',
      cycleId: null,
      evidence: null,
    },
    head?.seq ?? 0,
  );
  await deps.models.settlePromotion(line.id, 'applied');
  return { ...line, state: 'applied', appliedAt: Date.now() };
}
