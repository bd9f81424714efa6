/** One thing that was looked at. */
export interface Check {
  name: string;
  /** `failed` has to be put right first; `warning` should be known. */
  state: 'ok' | 'warning' | 'failed';
  message: string;
  /** The one thing to do, a command where there is one; null when there is nothing to do. */
  fix: string | null;
}
