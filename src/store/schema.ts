/** The tables as Kysely sees them. Times are milliseconds; `*_json` columns hold JSON text; flags are 0 or 1. */
export interface Schema {
  migration: { name: string; applied_at: number };
  installation: { id: number; hmac_key: string; created_at: number };
  process_lease: { id: string; host: string; pid: number; started_at: number; expires_at: number };
  message: MessageTable;
  conversation: ConversationTable;
  thread_node: ThreadNodeTable;
  api_key: ApiKeyTable;
  team: { name: string; settings_json: string; created_at: number };
  usage_day: UsageDayTable;
  completion: CompletionTable;
  search: SearchTable;
  feedback: FeedbackTable;
  signal: SignalTable;
  review_answer: ReviewAnswerTable;
  review_claim: { completion_id: string; choice: number; rater: string; again: number; until: number };
  review_again: { feedback_id: string; completion_id: string };
  review_contradiction: ReviewContradictionTable;
  comparison: ComparisonTable;
  prompt: PromptTable;
  replay_answer: ReplayAnswerTable;
  cached_answer: { request: string; completion_id: string; created_at: number };
  cycle: CycleTable;
  cycle_step: CycleStepTable;
  turn: { base: string; cycle_id: string; place: number; held: number; since: number };
  gpu_lease: GpuLeaseTable;
  dataset: DatasetTable;
  dataset_row: { digest: string; row_id: string; split: string; completion_id: string; choice: number };
  model_version: ModelVersionTable;
  promotion: PromotionTable;
  forgetting: ForgettingTable;
  forgotten: { kind: string; id: string };
  forgotten_node: { node: string; joined_json: string };
}

export interface ConversationTable {
  id: string;
  owner: string;
  /** The node of its completions: the first user message that it began with. */
  node: string | null;
  /** 1 when there is feedback on one of its answers. */
  rated: number | null;
  created_at: number;
}

/** What an answer of ours is found by when a client goes on from it: several hashes for each. */
export interface ThreadNodeTable {
  hash: string;
  conversation_id: string;
  created_at: number;
  /** When a request went on from here; null until then. */
  continued_at: number | null;
  /** Ties the hashes of one answer together. */
  point: string | null;
}

export interface ApiKeyTable {
  id: string;
  name: string;
  owner: string;
  team: string | null;
  role: string;
  secret_hash: string;
  /** Limits, budget, record mode. */
  settings_json: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  last_used_at: number | null;
}

/** Sums; a key or team that there was none of is the empty text. */
export interface UsageDayTable {
  day: string;
  owner: string;
  key_id: string;
  team: string;
  provider: string;
  model: string;
  requests: number;
  failures: number;
  prompt_tokens: number;
  completion_tokens: number;
  cost_nanos: number;
}

export interface MessageTable {
  id: string;
  parent: string | null;
  /** The canonical message without its parent. */
  body_json: string;
  created_at: number;
}

export interface CompletionTable {
  id: string;
  owner: string;
  provider: string;
  model: string;
  conversation_id: string;
  stream: number;
  envelope_json: string;
  /** `[{id, overlay?}]`, the request's messages in order. */
  messages_json: string;
  /** Id of the request's last message: the parent of every choice. */
  tip: string | null;
  /** Normalised hashes of the request's messages: the parents of every choice's thread nodes. */
  thread: string;
  node: string | null;
  state: string;
  /** What is known of an open completion's choices, whole. */
  draft_json: string | null;
  /** `[{index, id, overlay?, finishReason, extra}]` of a closed one. */
  choices_json: string | null;
  response_json: string | null;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  error_json: string | null;
  process_id: string;
  kind: string;
  key_id: string | null;
  team: string | null;
  record: string;
  /** Models that failed before the one that answered. */
  attempts_json: string | null;
  cost_nanos: number | null;
  erased_at: number | null;
  /** 1 when there is feedback on it. */
  rated: number | null;
  /** Its number in the search index; null as long as it is not indexed, 0 when it has no words. */
  entry: number | null;
  /** Of an imported chat: its format, and what its line has beside request and response. */
  origin_json: string | null;
  created_at: number;
  first_token_at: number | null;
  finished_at: number | null;
}

/** Words by entry. SQLite names an entry `rowid` and keeps text and tag, PostgreSQL `entry` and keeps a `tsvector`. */
export interface SearchTable {
  rowid: number;
  entry: number;
}

export interface FeedbackTable {
  id: string;
  completion_id: string;
  choice: number;
  rater: string;
  rating: number | null;
  score: number | null;
  /** Comment, correction, tags, criteria, and the answers that it is compared with. */
  body_json: string;
  source: string;
  undoes: string | null;
  /** Its rater's own name for it. */
  key: string | null;
  created_at: number;
}

export interface SignalTable {
  id: string;
  completion_id: string;
  choice: number;
  kind: string;
  owner: string;
  source: string;
  created_at: number;
}

/** What is known of a choice since there was feedback on its completion. */
export interface ReviewAnswerTable {
  completion_id: string;
  choice: number;
  /** How many there were on this choice. */
  events: number;
  /** Who gave them; the empty text when somebody has to look, null when nothing said of it stands. */
  rater: string | null;
  /** Whether raters disagree; null when nobody has looked since it changed. */
  disputed: number | null;
  /** When the last came. */
  at: number;
}

/** An answer that the newest dataset version of a name set aside, because it contradicts another. */
export interface ReviewContradictionTable {
  completion_id: string;
  choice: number;
  /** Of the dataset. */
  name: string;
  other_id: string;
  other_choice: number;
  digest: string;
  /** 1 when somebody has decided since. */
  settled: number;
  /** When it was first set aside. */
  at: number;
}

export interface ComparisonTable {
  id: string;
  owner: string;
  conversation_id: string;
  blind: number;
  /** `[{model, completionId}]`, as they were asked for. */
  answers_json: string;
  created_at: number;
}

/** What a base answered to a prompt. */
export interface ReplayAnswerTable {
  /** Keyed hash of base, prompt and options. */
  request: string;
  text_json: string;
  /** 1 when there was no room for more. */
  cut_off: number;
  /** Whose prompt it is; null for a prompt of nobody. */
  completion_id: string | null;
  created_at: number;
}

/** A version of a prompt template. */
export interface PromptTable {
  name: string;
  version: number;
  /** Messages and variables. */
  body_json: string;
  description: string | null;
  author: string;
  created_at: number;
}

export interface CycleTable {
  id: string;
  base: string;
  name: string;
  state: string;
  step: string | null;
  recipe: string;
  first_recipe: string;
  attention_json: string | null;
  result_json: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

export interface CycleStepTable {
  key: string;
  cycle_id: string;
  /** Order of the cycle's step calls. */
  seq: number;
  step: string;
  attempt: number;
  state: string;
  output_json: string | null;
  error_json: string | null;
  started_at: number;
  finished_at: number | null;
}

/** Who uses a GPU; one row for each device of a machine. */
export interface GpuLeaseTable {
  host: string;
  device: string;
  owner: string;
  holder: string;
  cycle_id: string;
  step: string;
  pid: number;
  acquired_at: number;
  expires_at: number;
  expected_end: number | null;
}

export interface DatasetTable {
  digest: string;
  name: string;
  manifest_json: string;
  cycle_id: string | null;
  created_at: number;
  /** When rows of it began to go, because somebody is to be forgotten; null of a whole one. */
  redacted_at: number | null;
  /** How many rows went. */
  redacted_rows: number | null;
}

/** What is to be forgotten, or was. */
export interface ForgettingTable {
  id: string;
  kind: string;
  /** Id of the conversation, or the rater's name until that is forgotten. */
  subject: string | null;
  state: string;
  now: number;
  actor: string;
  report_json: string | null;
  created_at: number;
  finished_at: number | null;
}

export interface ModelVersionTable {
  id: string;
  name: string;
  base: string;
  dataset: string;
  recipe: string;
  adapter_digest: string;
  served: string;
  served_digest: string;
  cycle_id: string;
  metrics_json: string;
  created_at: number;
  /** When its weights were deleted; null while they are there. */
  deleted_at: number | null;
}

export interface PromotionTable {
  seq: number;
  id: string;
  kind: string;
  model_version: string | null;
  selection_json: string;
  file_digest: string;
  state: string;
  actor: string;
  cycle_id: string | null;
  evidence: string | null;
  created_at: number;
  applied_at: number | null;
}
