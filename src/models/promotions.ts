import { RatchetError } from '../core/errors.ts';
import type { ModelVersion, PromotionRecord } from '../store/types.ts';
import {
  type LedgerDeps,
  type NewLine,
  appliedLines,
  applyLine,
  assertSelected,
  reconcile,
  sameSelection,
} from './ledger.ts';
import { type Selection, refSelection, selectionRef, withKeyNameOf } from './selection.ts';

export interface PromotionDeps extends LedgerDeps {
  /** Throws when what the selection names, as `provider/model`, cannot be asked now; called before the selection moves there. */
  assertServed: (ref: string) => Promise<void>;
}

export interface PromoteRequest {
  /** Id of a model version, or the selection itself. */
  target: { modelVersion: string } | { selection: Selection };
  /** Who asked for it: the key's owner, or `gate`. */
  actor: string;
  cycleId?: string | null;
  /** Digest of the gate's evidence. */
  evidence?: string | null;
  /** Model ref that must still be selected, or `nothing`. */
  expectedOpponent?: string;
}

/**
 * Selects a model: a ledger line, then the selection file. What is selected already gets no second line, so that calling
 * again is safe: the line in force is given.
 *
 * Throws Conflict when the selection is not `expectedOpponent` any more or somebody else promoted at the same time, and
 * NotFound for an unknown version.
 */
export async function promote(deps: PromotionDeps, request: PromoteRequest): Promise<PromotionRecord> {
  const version = 'modelVersion' in request.target ? await getVersion(deps, request.target.modelVersion) : null;
  const wanted = 'selection' in request.target ? request.target.selection : refSelection(version?.served ?? '');
  const inForce = await reconcile(deps);
  const { refOf = selectionRef } = deps;
  const selection = withKeyNameOf(wanted, inForce?.selection, refOf);
  if (inForce && sameSelection(deps, inForce.selection, selection)) return inForce;
  if (request.expectedOpponent !== undefined) assertSelected(deps, inForce, request.expectedOpponent);
  const ref = refOf(selection);
  await deps.assertServed(`${selection.provider}/${selection.model}`);
  const known = version ?? (await deps.models.byServed(ref));
  const head = await deps.models.head();
  assertUnmoved(head, inForce);
  const line: NewLine = {
    kind: 'promote',
    modelVersion: known?.id ?? null,
    selection,
    actor: request.actor,
    cycleId: request.cycleId ?? null,
    evidence: request.evidence ?? null,
  };
  return applyLine(deps, line, head?.seq ?? 0);
}

export interface RollbackRequest {
  actor: string;
  /** Which earlier line may be gone back to; any, unless given, whose model was not deleted. */
  isFit?: (line: PromotionRecord) => Promise<boolean>;
}

/**
 * Selects what was selected before: the newest line is undone, a line that was undone already is passed over, and so is one
 * whose model was deleted.
 *
 * Throws Conflict when there is nothing older.
 */
export async function rollback(
  deps: PromotionDeps,
  { isFit = (line) => isThere(deps, line), ...request }: RollbackRequest,
): Promise<PromotionRecord> {
  const inForce = await reconcile(deps);
  const target = await newestFit((await undoStack(deps)).slice(0, -1), isFit);
  if (!inForce || !target) {
    throw new RatchetError('Conflict', 'There is no earlier selection to roll back to: select a model instead.');
  }
  await deps.assertServed(`${target.selection.provider}/${target.selection.model}`);
  const head = await deps.models.head();
  assertUnmoved(head, inForce);
  const { modelVersion, selection } = target;
  const line: NewLine = { kind: 'rollback', modelVersion, selection, cycleId: null, evidence: null, ...request };
  return applyLine(deps, line, head?.seq ?? 0);
}

async function newestFit(
  stack: readonly PromotionRecord[],
  isFit: NonNullable<RollbackRequest['isFit']>,
): Promise<PromotionRecord | null> {
  for (const line of [...stack].reverse()) if (await isFit(line)) return line;
  return null;
}

async function isThere({ models }: PromotionDeps, { modelVersion }: PromotionRecord): Promise<boolean> {
  const version = modelVersion === null ? null : await models.get(modelVersion);
  return !version || version.deletedAt === null;
}

/**
 * Selections as a person would undo them: every line adds one, a rollback takes away all that came after what it went back
 * to, repeats are one.
 */
async function undoStack(deps: LedgerDeps): Promise<PromotionRecord[]> {
  const lines: PromotionRecord[] = [];
  for await (const line of appliedLines(deps.models)) lines.unshift(line);
  const stack: PromotionRecord[] = [];
  for (const line of lines) {
    const top = stack.at(-1);
    if (line.kind === 'rollback') goBack(deps, stack, line);
    else if (!top || !sameSelection(deps, top.selection, line.selection)) stack.push(line);
  }
  return stack;
}

function goBack(deps: LedgerDeps, stack: PromotionRecord[], { selection }: PromotionRecord): void {
  const at = stack.slice(0, -1).findLastIndex((earlier) => sameSelection(deps, earlier.selection, selection));
  stack.length = at < 0 ? Math.max(0, stack.length - 1) : at + 1;
}

/** A line that came in between belongs to somebody else, whose choice must be seen before it is replaced. */
function assertUnmoved(head: PromotionRecord | null, inForce: PromotionRecord | null): void {
  if (head === null || head.state === 'abandoned' || head.seq === inForce?.seq) return;
  throw new RatchetError('Conflict', 'Another model was selected at the same moment: look at it, then promote again.');
}

async function getVersion(deps: PromotionDeps, id: string): Promise<ModelVersion> {
  const version = await deps.models.get(id);
  if (version) return version;
  throw new RatchetError('NotFound', `There is no model version ${id}: list them with GET /api/models.`);
}
