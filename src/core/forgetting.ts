/** Whom or what to forget, and how far. */
export interface ForgetRequest {
  kind: 'conversation' | 'rater';
  /** Id of the conversation, or name of the rater. */
  subject: string;
  /** Delete models that learned from it as well, after rolling back to one that did not. */
  now: boolean;
  actor: string;
}

/** What a forgetting took, or would take. Ids, numbers and paths; never a text. */
export interface ForgetReport {
  kind: ForgetRequest['kind'];
  /** `planned`: nothing was changed. `waiting`: something is still at work on it, and it goes on by itself. */
  state: 'planned' | 'waiting' | 'done';
  /** How many completions' texts go. */
  completions: number;
  /** Completions of other conversations that go on from an answer of this one: their texts go too. */
  elsewhere: { completion: string; conversation: string }[];
  /** How many events of feedback go. */
  feedback: number;
  datasets: { digest: string; name: string; rows: number }[];
  /** Digests of evaluations, and of what bases answered, that lost answers. */
  evaluations: string[];
  /** Model versions that learned from one of the dataset versions. */
  models: { id: string; served: string; deleted: boolean }[];
  /** Files in which something that quotes it was blanked. */
  logs: string[];
  /** Files and folders that were removed: checkpoints, and what was left of builds and exports. */
  removed: string[];
  /** Texts of failures that quoted it, in the record of cycles. */
  failures: number;
  /** What it waits for: cycles that learn from it right now, and completions that are still being answered. */
  waiting: { cycles: string[]; completions: number };
  /** Model ref that was selected in place of a deleted one. */
  selected: string | null;
  /** What a person has to know or do, one sentence each. */
  notes: string[];
  /** Where it may stand as well, out of reach of this program, one sentence each. */
  out_of_reach: string[];
}

/** Forgets, once and for all. */
export interface Forgetting {
  /** What would go. NotFound. */
  plan(request: ForgetRequest): Promise<ForgetReport>;
  /** Lets it go. Whatever happens on the way, it is finished by itself or by asking again. NotFound. */
  forget(request: ForgetRequest): Promise<ForgetReport>;
}
