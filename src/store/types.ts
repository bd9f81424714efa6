import type { Json, JsonObject } from '../core/canonical.ts';
import type { CycleState, Outputs, StepName, StepState } from '../core/cycle.ts';
import type { DatasetManifest, Split } from '../core/dataset.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { WireMessage } from '../core/message.ts';

/** Times are milliseconds since 1970, UTC, everywhere in the store. */
export type Millis = number;

export type CompletionState = 'open' | 'complete' | 'interrupted' | 'failed';

/** A request as it came in. `envelope` is every field but `messages`, as sent. */
export interface NewCompletion {
  owner: string;
  provider: string;
  /** The model that the provider was asked for. */
  model: string;
  envelope: JsonObject;
  messages: WireMessage[];
  conversationId?: string;
  stream: boolean;
}

/** One answer of a completion. `extra` is every other field of the choice, as got. */
export interface ChoiceRecord {
  index: number;
  message: WireMessage;
  finishReason: string | null;
  extra: JsonObject;
}

export interface Outcome {
  state: Exclude<CompletionState, 'open'>;
  choices: ChoiceRecord[];
  /** Every field of the response but `choices`, as got. */
  response: JsonObject | null;
  promptTokens: number | null;
  completionTokens: number | null;
  firstTokenAt: Millis | null;
  error: { code: ErrorCode; message: string; status: number | null } | null;
}

export interface CompletionRecord extends NewCompletion {
  id: string;
  conversationId: string;
  state: CompletionState;
  /** Ids of the request's messages, in order. */
  messageIds: string[];
  /** Id of the first user message: the node by which datasets are split. Null when there is none. */
  node: string | null;
  choices: (ChoiceRecord & { messageId: string })[];
  response: JsonObject | null;
  promptTokens: number | null;
  completionTokens: number | null;
  error: Outcome['error'];
  createdAt: Millis;
  firstTokenAt: Millis | null;
  finishedAt: Millis | null;
}

export interface CompletionFilter {
  owner?: string;
  conversationId?: string;
  providers?: readonly string[];
  models?: readonly string[];
  since?: Millis;
  until?: Millis;
  states?: readonly CompletionState[];
  /** Only those with feedback, or without. */
  rated?: boolean;
}

/** A page, oldest first or newest first; `next` is the cursor of the page after it, null at the end. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface PageRequest {
  limit: number;
  cursor?: string;
  order?: 'asc' | 'desc';
}

export interface ChatStore {
  /** Writes the request durably before the provider is called; the record is `open` and leased by this process. */
  begin(request: NewCompletion): Promise<{ id: string; conversationId: string }>;
  /** Replaces what is known so far of an open completion's choices. Flushed at most once a second by the caller. */
  progress(id: string, choices: ChoiceRecord[], firstTokenAt: Millis | null): Promise<void>;
  /** Writes the outcome durably. The promise resolves only after the commit is synced. */
  finish(id: string, outcome: Outcome): Promise<void>;
  get(id: string): Promise<CompletionRecord | null>;
  list(filter: CompletionFilter, page: PageRequest): Promise<Page<CompletionRecord>>;
  /** Open completions whose process no longer renews its lease become `interrupted`; returns how many. */
  sweepInterrupted(): Promise<number>;
}

/** An append-only event on a choice. */
export interface NewFeedback {
  completionId: string;
  choice: number;
  rater: string;
  rating?: -1 | 1;
  score?: number;
  comment?: string;
  correction?: WireMessage;
  tags?: string[];
  /** Where it came from: `api`, `cli`, or an importer's name. */
  source: string;
}

export interface FeedbackRecord extends NewFeedback {
  id: string;
  createdAt: Millis;
}

export interface FeedbackStore {
  /** NotFound when the completion or the choice does not exist; Conflict while the completion is still open. */
  add(feedback: NewFeedback): Promise<FeedbackRecord>;
  ofCompletions(ids: readonly string[]): Promise<FeedbackRecord[]>;
  list(page: PageRequest): Promise<Page<FeedbackRecord>>;
}

export interface CycleRecord {
  id: string;
  base: string;
  name: string;
  state: CycleState;
  step: StepName | null;
  /** Digest of the recipe in force; a patch changes it. */
  recipe: string;
  /** Digest of the recipe it was started with. */
  firstRecipe: string;
  attention: { step: StepName; code: ErrorCode; message: string; advice: string } | null;
  result: JsonObject | null;
  createdAt: Millis;
  startedAt: Millis | null;
  finishedAt: Millis | null;
}

export interface StepRecord {
  cycleId: string;
  step: StepName;
  key: string;
  attempt: number;
  state: StepState;
  output: Json | null;
  error: { code: ErrorCode; message: string } | null;
  startedAt: Millis;
  finishedAt: Millis | null;
}

export interface CycleStore {
  create(cycle: { id: string; base: string; name: string; recipe: string }): Promise<CycleRecord>;
  get(id: string): Promise<CycleRecord | null>;
  list(filter: { states?: readonly CycleState[]; base?: string }, page: PageRequest): Promise<Page<CycleRecord>>;
  update(
    id: string,
    change: Partial<
      Pick<CycleRecord, 'state' | 'step' | 'recipe' | 'attention' | 'result' | 'startedAt' | 'finishedAt'>
    >,
  ): Promise<void>;
  /** Begins, or begins again, the step call named by `key`; `attempt` counts up. */
  beginStep(cycleId: string, step: StepName, key: string): Promise<StepRecord>;
  endStep(
    key: string,
    end: { state: Exclude<StepState, 'running'>; output?: Json; error?: { code: ErrorCode; message: string } },
  ): Promise<void>;
  stepByKey(key: string): Promise<StepRecord | null>;
  /** Every step call of a cycle, oldest first. */
  stepsOf(cycleId: string): Promise<StepRecord[]>;
  /** Output of the newest finished call of each step that still counts: a step's re-run voids the steps after it. */
  finishedOutputs(cycleId: string): Promise<Outputs>;

  /** Stands in line for a base; idempotent. */
  enqueue(base: string, cycleId: string): Promise<void>;
  /** Takes the turn when this cycle is first in line and nobody holds it; true when it holds the turn afterwards. */
  takeTurn(base: string, cycleId: string): Promise<boolean>;
  /** Gives the turn or the place in line back; idempotent. */
  releaseTurn(base: string, cycleId: string): Promise<void>;
  /** Cycles in line for a base in order, the holder first with `held: true`. */
  line(base: string): Promise<{ cycleId: string; held: boolean; since: Millis }[]>;
}

export interface DatasetRecord {
  digest: string;
  name: string;
  manifest: DatasetManifest;
  cycleId: string | null;
  createdAt: Millis;
}

/** Which completion stands behind which row: the lineage from an answer to a dataset and back. */
export interface DatasetRowLink {
  rowId: string;
  split: Split;
  completionId: string;
  choice: number;
}

export interface DatasetStore {
  /** Idempotent by digest. */
  register(dataset: Omit<DatasetRecord, 'createdAt'>, rows: readonly DatasetRowLink[]): Promise<void>;
  get(digest: string): Promise<DatasetRecord | null>;
  list(page: PageRequest): Promise<Page<DatasetRecord>>;
  versionsWith(completionId: string): Promise<{ digest: string; split: Split; rowId: string }[]>;
}

export interface ModelVersion {
  id: string;
  name: string;
  base: string;
  dataset: string;
  recipe: string;
  adapterDigest: string;
  /** Model ref that serves it, `ollama/<name>`. */
  served: string;
  /** Digest that the provider reports for it. */
  servedDigest: string;
  cycleId: string;
  metrics: JsonObject;
  createdAt: Millis;
}

export type PromotionKind = 'promote' | 'rollback' | 'outside_edit' | 'first';

/** One line of the ledger. `selection` is what the selection file says after it, without any `api_key`. */
export interface PromotionRecord {
  seq: number;
  id: string;
  kind: PromotionKind;
  modelVersion: string | null;
  selection: { provider: string; model: string };
  /** SHA-256 of the selection file's bytes. */
  fileDigest: string;
  state: 'pending' | 'applied' | 'abandoned';
  actor: string;
  cycleId: string | null;
  evidence: string | null;
  createdAt: Millis;
  appliedAt: Millis | null;
}

export interface ModelStore {
  /** Idempotent by `cycleId` and `adapterDigest`: the version that is there already is returned. */
  register(version: Omit<ModelVersion, 'id' | 'createdAt'>): Promise<ModelVersion>;
  get(id: string): Promise<ModelVersion | null>;
  byServed(served: string): Promise<ModelVersion | null>;
  list(page: PageRequest): Promise<Page<ModelVersion>>;
  setMetrics(id: string, metrics: JsonObject): Promise<void>;

  /** Appends a `pending` line. Conflict when `after` is not the newest line's seq (0 for an empty ledger). */
  appendPromotion(
    line: Omit<PromotionRecord, 'seq' | 'id' | 'state' | 'createdAt' | 'appliedAt'>,
    after: number,
  ): Promise<PromotionRecord>;
  settlePromotion(id: string, state: 'applied' | 'abandoned'): Promise<void>;
  /** Newest first. */
  promotions(page: PageRequest): Promise<Page<PromotionRecord>>;
  head(): Promise<PromotionRecord | null>;
}

/** Content-addressed files under the data folder; the name is the SHA-256 of the bytes. */
export interface BlobStore {
  put(bytes: Uint8Array | string): Promise<string>;
  putJson(value: unknown): Promise<string>;
  /** NotFound when it does not exist, Bug when its bytes no longer match its name. */
  get(digest: string): Promise<Buffer>;
  getJson<T>(digest: string): Promise<T>;
}

export interface Store {
  readonly kind: 'sqlite' | 'postgres';
  readonly chats: ChatStore;
  readonly feedback: FeedbackStore;
  readonly cycles: CycleStore;
  readonly datasets: DatasetStore;
  readonly models: ModelStore;
  readonly blobs: BlobStore;
  /** SQLite: `integrity_check`; PostgreSQL: a round trip. Throws StoreUnavailable. */
  check(): Promise<void>;
  close(): Promise<void>;
}
