import type { Millis } from './types.ts';

/** Which answer was given to which request, for clients that want the same again. Requests are known by a keyed hash. */
export interface AnswerCacheStore {
  /** The completion that answered this very request last, unless that was before `since`; null when there is none. */
  find(request: string, since: Millis): Promise<string | null>;
  /** The newest answer to a request is the one that is given. */
  keep(request: string, completionId: string): Promise<void>;
  /** Forgets what was kept before a time; returns how many. */
  forgetBefore(time: Millis): Promise<number>;
}
