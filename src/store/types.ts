import type { Budget, RateLimits, RecordMode, Role } from '../core/access.ts';
import type { Json, JsonObject } from '../core/canonical.ts';
import type { CycleState, Outputs, StepName, StepState } from '../core/cycle.ts';
import type { DatasetManifest, Split } from '../core/dataset.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { WireMessage } from '../core/message.ts';
import type { AnswerCacheStore } from './answer-cache-types.ts';
import type { StoreFigures } from './figures.ts';
import type { ForgottenStore } from './forgotten-types.ts';
import type { GpuLeaseStore } from './gpu-lease-types.ts';
import type { PromptStore } from './prompt-types.ts';
import type { ReplayStore } from './replay-types.ts';
import type { ReviewStore } from './review-types.ts';

/** Times are milliseconds since 1970, UTC, everywhere in the store. */
export type Millis = number;

export type CompletionState = 'open' | 'complete' | 'interrupted' | 'failed';

/** What kind of call a completion is. Only `chat` and `responses` are conversations. */
export type CompletionKind = 'chat' | 'text' | 'responses' | 'embeddings';

/** A model that was asked and failed before another was. */
export interface Attempt {
  provider: string;
  model: string;
  code: ErrorCode;
  /** Options with which the same model was asked instead, in place of what was asked for. */
  sent?: JsonObject;
}

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
  /** `chat` unless given. */
  kind?: CompletionKind;
  /** Key and team that the call is counted for. */
  keyId?: string | null;
  team?: string | null;
  /** Who is behind the owner's key: threads of two scopes never meet. */
  scope?: string | null;
  /** `meta`: the caller has left out everything that was said. `all` unless given. */
  record?: Exclude<RecordMode, 'none'>;
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
  /** Billionths of a US dollar; null when nothing is known of tokens or price. */
  costNanos?: number | null;
  /** Who answered, when it was not who was asked first. */
  answeredBy?: { provider: string; model: string };
  /** Who failed before. */
  attempts?: readonly Attempt[];
}

export interface CompletionRecord extends Required<Omit<NewCompletion, 'scope'>> {
  id: string;
  attempts: readonly Attempt[];
  costNanos: number | null;
  /** When its text was erased; null while it is there. */
  erasedAt: Millis | null;
  /** What is known beside it of a chat that was imported; null of one that was had here. */
  origin: JsonObject | null;
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
  keyId?: string;
  team?: string;
  kinds?: readonly CompletionKind[];
  /** Only those whose text was erased, or is there. */
  erased?: boolean;
  /** Only those of conversations in which nothing is rated. */
  newTopic?: boolean;
  /** Only those with the text of this tag in the request, or in what was said of it. */
  tag?: string;
  /** Words that must all occur, `"phrases in order"` and `beginnings*`. InvalidInput when there is no word in it. */
  search?: string;
}

export interface ConversationRecord {
  id: string;
  owner: string;
  /** The beginning of its first question; null when no text of it is kept. */
  firstWords: string | null;
  completions: number;
  /** Refs of the models that answered, the last one last. */
  models: string[];
  costNanos: number | null;
  firstAt: Millis;
  lastAt: Millis;
}

/**
 * A page, oldest first or newest first; `next` is the cursor of the page after it, null at the end. A page may have
 * fewer items than were asked for, or none, before the end: then a bounded stretch of the record was looked through.
 */
export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface PageRequest {
  limit: number;
  cursor?: string;
  order?: 'asc' | 'desc';
}

/** A chat that was had elsewhere. */
export interface ImportedChat extends Pick<NewCompletion, 'owner' | 'provider' | 'model' | 'envelope' | 'messages'> {
  scope?: string | null;
  choices: ChoiceRecord[];
  /** Every field of the response but `choices`. */
  response: JsonObject;
  promptTokens: number | null;
  completionTokens: number | null;
  /** Null when it is not known: then it is the time of the import. */
  createdAt: Millis | null;
  /** Where it came from, and what its line says beside request and response. */
  origin: JsonObject;
}

export interface ImportReport {
  written: number;
  /** How many were there already. */
  known: number;
  /** The completion of each, in order, whether it was there or not. */
  ids: string[];
}

/** Which chats are erased: those that meet all that is given. */
export interface EraseRequest {
  completionId?: string;
  conversationId?: string;
  owner?: string;
  /** Only those that were made before this time. */
  before?: Millis;
}

export interface EraseReport {
  /** How many were erased now. */
  completions: number;
  /** How many were left, because they are still being answered. */
  open: number;
  /** Digests of dataset versions that hold one of them: these are products, and stay. */
  datasets: string[];
}

/** A completion that has begun. */
export interface BegunCompletion {
  readonly id: string;
  /** Of one that is held it may still change, until it is finished: another may have gone on from the same answer. */
  conversationId: string;
}

export interface BeginOptions {
  /**
   * How long the request may wait for its outcome, in ms, to be written together with it. One that has not ended by then
   * is written on its own; one whose process dies before is not on record, and nobody was told that it is. 0 unless given.
   */
  holdMs?: number;
  /**
   * Request and outcome may stand in the journal first: they survive as long, but other processes that share the database
   * see them some hundredths of a second later. False unless given.
   */
  journaled?: boolean;
  /** Told when a request that was held could not be written. */
  lost?: (error: unknown) => void;
}

export interface ChatStore {
  /**
   * Records a request; the record is `open` and leased by this process. It is written when this resolves, so that it
   * survives the end of the process, unless the options let it wait for its outcome.
   */
  begin(request: NewCompletion, options?: BeginOptions): Promise<BegunCompletion>;
  /** Replaces what is known so far of an open completion's choices. Flushed at most once a second by the caller. */
  progress(id: string, choices: ChoiceRecord[], firstTokenAt: Millis | null): Promise<void>;
  /** Writes the outcome durably. The promise resolves only after the commit is synced. */
  finish(id: string, outcome: Outcome): Promise<void>;
  get(id: string): Promise<CompletionRecord | null>;
  list(filter: CompletionFilter, page: PageRequest): Promise<Page<CompletionRecord>>;
  /** Conversations with a completion that the filter lets through, by the last such completion. */
  conversations(filter: CompletionFilter, page: PageRequest): Promise<Page<ConversationRecord>>;
  /** Indexes up to `limit` completions for the search; returns how many there were, 0 when all are. */
  indexNext(limit: number): Promise<number>;
  /** Writes chats that were had elsewhere, durably; those that are known already stay as they are. */
  import(chats: readonly ImportedChat[]): Promise<ImportReport>;
  /**
   * Erases what was said, for good: messages that no other chat needs, answers, drafts, comments, corrections, and the
   * words in the index. Ratings, tokens, costs and times stay. InvalidInput when nothing says what.
   */
  erase(request: EraseRequest): Promise<EraseReport>;
  /** Open completions whose process no longer renews its lease become `interrupted`; returns how many. */
  sweepInterrupted(): Promise<number>;
}

/** One call as it counts in the sums. */
export interface CallUsage {
  owner: string;
  keyId: string | null;
  team: string | null;
  provider: string;
  model: string;
  failed: boolean;
  promptTokens: number;
  completionTokens: number;
  costNanos: number;
}

export const usageDimensions = ['day', 'owner', 'keyId', 'team', 'provider', 'model'] as const;
export type UsageDimension = (typeof usageDimensions)[number];

export interface UsageSum extends Partial<Record<UsageDimension, string>> {
  requests: number;
  failures: number;
  promptTokens: number;
  completionTokens: number;
  costNanos: number;
}

/** Sums of calls by UTC day, key, team, provider and model. `finish` of a chat adds to them in its own commit. */
export interface UsageStore {
  /** Adds a call of which no record is kept. */
  add(call: CallUsage): Promise<void>;
  /** Days are `2026-11-21`, both counted in. Sums are grouped and sorted by `by`. */
  sum(
    filter: { from?: string; to?: string; owner?: string; keyId?: string; team?: string },
    by: readonly UsageDimension[],
  ): Promise<UsageSum[]>;
}

export interface NewApiKey {
  name: string;
  owner: string;
  team: string | null;
  role: Role;
  /** SHA-256 of the secret, hex. */
  secretHash: string;
  limits: RateLimits;
  budget: Budget | null;
  record: RecordMode;
  expiresAt: Millis | null;
}

export interface ApiKeyRecord extends NewApiKey {
  id: string;
  createdAt: Millis;
  revokedAt: Millis | null;
  lastUsedAt: Millis | null;
}

export interface TeamRecord {
  name: string;
  limits: RateLimits;
  budget: Budget | null;
  createdAt: Millis;
}

export interface KeyStore {
  /** Conflict when a key that is not revoked has the name. */
  create(key: NewApiKey, id: string): Promise<ApiKeyRecord>;
  get(id: string): Promise<ApiKeyRecord | null>;
  /** All of them, revoked ones too, oldest first. */
  list(): Promise<ApiKeyRecord[]>;
  /** Changes what may be changed; NotFound. */
  update(
    id: string,
    change: Partial<Pick<ApiKeyRecord, 'role' | 'team' | 'limits' | 'budget' | 'record' | 'expiresAt' | 'secretHash'>>,
  ): Promise<void>;
  /** Idempotent; NotFound. */
  revoke(id: string): Promise<void>;
  /** Notes when keys were last used; a time before the one that is known changes nothing. */
  used(times: ReadonlyMap<string, Millis>): Promise<void>;
  putTeam(team: Omit<TeamRecord, 'createdAt'>): Promise<void>;
  teams(): Promise<TeamRecord[]>;
}

/** One choice of one completion. */
export interface AnswerRef {
  completionId: string;
  choice: number;
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
  /** Answers to the same that this one is better than. */
  over?: AnswerRef[];
  /** Answers to the same that are as good as this one. */
  tiedWith?: AnswerRef[];
  /** What named criteria say: yes or no, or a share in [0, 1]. */
  criteria?: Record<string, boolean | number>;
  /** Id of the event that this one takes back; it has nothing else then. */
  undoes?: string;
  /** Names the event among its rater's: the same again is the same event. */
  key?: string;
  /** Where it came from: `api`, `cli`, or an importer's name. */
  source: string;
}

export interface FeedbackRecord extends NewFeedback {
  id: string;
  createdAt: Millis;
}

export interface FeedbackStore {
  /**
   * NotFound when the completion or the choice does not exist; Conflict while the completion is still open, or when the
   * rater's key names an event that says something else.
   */
  add(feedback: NewFeedback): Promise<FeedbackRecord>;
  get(id: string): Promise<FeedbackRecord | null>;
  ofCompletions(ids: readonly string[]): Promise<FeedbackRecord[]>;
  list(page: PageRequest): Promise<Page<FeedbackRecord>>;
}

/** What somebody did with an answer, without judging it. */
export const signalKinds = ['regenerated', 'copied', 'edited', 'abandoned'] as const;
export type SignalKind = (typeof signalKinds)[number];

/** A weak signal: recorded apart from feedback, and never taken for a rating. */
export interface NewSignal extends AnswerRef {
  kind: SignalKind;
  owner: string;
  source: string;
}

export interface SignalRecord extends NewSignal {
  id: string;
  createdAt: Millis;
}

export interface SignalStore {
  /** NotFound when the completion or the choice does not exist. */
  add(signal: NewSignal): Promise<SignalRecord>;
  ofCompletions(ids: readonly string[]): Promise<SignalRecord[]>;
}

/** Several models that were asked the same, side by side. */
export interface NewComparison {
  id: string;
  owner: string;
  conversationId: string;
  /** Whether the models' names are kept back until somebody has chosen. */
  blind: boolean;
  answers: ComparedAnswer[];
}

export interface ComparedAnswer {
  /** As it was asked for. */
  model: string;
  /** Null where nothing was recorded. */
  completionId: string | null;
  /** Whether there is an answer that can be chosen. */
  answered: boolean;
}

export interface ComparisonRecord extends NewComparison {
  createdAt: Millis;
}

export interface ComparisonStore {
  /** Begins a conversation that several answers can stand in from the start; gives its id. */
  openConversation(owner: string): Promise<string>;
  add(comparison: NewComparison): Promise<ComparisonRecord>;
  get(id: string): Promise<ComparisonRecord | null>;
  list(filter: { owner?: string }, page: PageRequest): Promise<Page<ComparisonRecord>>;
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
  /** What it lost since it was built, because somebody was forgotten; null of a whole one. */
  redacted: Redaction | null;
}

/** Rows that went, and since when. While they go there are none yet. */
export interface Redaction {
  rows: number;
  since: Millis;
}

/** Which completion stands behind which row: the lineage from an answer to a dataset and back. */
export interface DatasetRowLink {
  rowId: string;
  split: Split;
  /** Null where nobody's chat stands behind the row. */
  completionId: string | null;
  /** Null where only its prompt is in the row. */
  choice: number | null;
}

export interface DatasetStore {
  /** Idempotent by digest. */
  register(dataset: Omit<DatasetRecord, 'createdAt' | 'redacted'>, rows: readonly DatasetRowLink[]): Promise<void>;
  get(digest: string): Promise<DatasetRecord | null>;
  list(page: PageRequest): Promise<Page<DatasetRecord>>;
  versionsWith(completionId: string): Promise<{ digest: string; split: Split; rowId: string }[]>;
  /** The completions behind one row of a version; none when it has no such row. */
  row(digest: string, rowId: string): Promise<DatasetRowLink[]>;
  /** Every row of a version that one of these completions stands behind. */
  rowsWith(digest: string, completions: ReadonlySet<string>): Promise<DatasetRowLink[]>;
  /** Says that rows of a version go, or are gone with a manifest that tells so. NotFound. */
  redact(digest: string, gone?: { rows: number; manifest: DatasetManifest }): Promise<void>;
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
  /** What its dataset lost since it was built; null of one that learned only what may be known. */
  stale: Redaction | null;
  /** When its weights were deleted; null while they are there. */
  deletedAt: Millis | null;
}

/** What a model version is when it is made. */
export type NewModelVersion = Omit<ModelVersion, 'id' | 'createdAt' | 'stale' | 'deletedAt'>;

export type PromotionKind = 'promote' | 'rollback' | 'outside_edit' | 'first';

/** One line of the ledger. `selection` is what the selection file says after it, without any `api_key`. */
export interface PromotionRecord {
  seq: number;
  id: string;
  kind: PromotionKind;
  modelVersion: string | null;
  selection: { provider: string; model: string; apiKeyEnv?: string | undefined };
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
  register(version: NewModelVersion): Promise<ModelVersion>;
  get(id: string): Promise<ModelVersion | null>;
  byServed(served: string): Promise<ModelVersion | null>;
  list(page: PageRequest): Promise<Page<ModelVersion>>;
  /** Every model version that was trained from one of these dataset versions, oldest first. */
  ofDatasets(digests: readonly string[]): Promise<ModelVersion[]>;
  /** Those that are stale and whose weights are there, oldest first. */
  stale(): Promise<ModelVersion[]>;
  setMetrics(id: string, metrics: JsonObject): Promise<void>;
  /** Notes the digest that the provider reports for it now. NotFound. */
  noteServed(id: string, digest: string): Promise<void>;
  /** Notes that its weights were deleted. Idempotent; NotFound. */
  noteDeleted(id: string): Promise<void>;

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
  /** The digests of all that is there, in no order. What was erased is not. */
  digests(): AsyncIterable<string>;
  /**
   * Takes what a blob holds away, durably, and leaves a note in its place: from then on its digest gives `instead`, or NotFound.
   * Whoever puts the same bytes again brings them back. Erasing what is not there does nothing.
   */
  erase(digest: string, instead?: Uint8Array | string): Promise<void>;
}

export interface Store {
  readonly kind: 'sqlite' | 'postgres';
  readonly chats: ChatStore;
  readonly feedback: FeedbackStore;
  readonly signals: SignalStore;
  readonly review: ReviewStore;
  readonly comparisons: ComparisonStore;
  readonly prompts: PromptStore;
  readonly answerCache: AnswerCacheStore;
  readonly cycles: CycleStore;
  readonly gpuLeases: GpuLeaseStore;
  readonly datasets: DatasetStore;
  readonly models: ModelStore;
  readonly forgotten: ForgottenStore;
  readonly replay: ReplayStore;
  readonly usage: UsageStore;
  readonly keys: KeyStore;
  readonly blobs: BlobStore;
  /** Transactions, and groups of a journal, committed since it was opened, and how many of them were synced. */
  writes(): { commits: number; syncs: number };
  figures(): Promise<StoreFigures>;
  /** Whether it answers, in no time, however much it holds. Throws StoreUnavailable. */
  ping(): Promise<void>;
  /**
   * SQLite: `integrity_check`, which reads the whole file, for minutes where it is large, and keeps the log from being begun
   * anew meanwhile; PostgreSQL: a round trip. Throws StoreUnavailable.
   */
  check(): Promise<void>;
  close(): Promise<void>;
}
