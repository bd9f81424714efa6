/** What a base said to a prompt. */
export interface ReplayedAnswer {
  text: string;
  /** It ended because there was no room for more. */
  cutOff: boolean;
}

/** What bases said, by all that it depends on, so that nobody is asked twice. */
export interface ReplayStore {
  /** Those of these requests that are known. A request is kept as a keyed hash. */
  find(requests: readonly string[]): Promise<Map<string, ReplayedAnswer>>;
  /** Keeps an answer; one to a prompt of a completion that was erased meanwhile is not kept, and goes when it is erased. */
  keep(request: string, answer: ReplayedAnswer, completionId: string | null): Promise<void>;
}
