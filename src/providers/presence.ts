import { readBody } from './body.ts';
import { sendHttp } from './http.ts';

/** Whether a program answers at an address, remembered for a while. */
export interface Presence {
  /** What was found at the last look; false before the first. Looks again in the background when that is long ago. */
  answers(): boolean;
  /** Looks now. Never rejects. */
  look(): Promise<void>;
}

export interface PresenceOptions {
  url: string;
  /** Whether a body is that of the program, so that no other one is taken for it. */
  isIt: (body: string) => boolean;
  /** A clock in ms that never goes back. */
  now?: () => number;
}

const rememberMs = 10_000;
const waitMs = 500;
const bodyLimit = 4_096;

/** Creates one; it asks nobody before it is asked. */
export function createPresence({ url, isIt, now = () => performance.now() }: PresenceOptions): Presence {
  let found = false;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | null = null;

  async function ask(): Promise<void> {
    const signal = AbortSignal.timeout(waitMs);
    try {
      const answer = await sendHttp({ url, method: 'GET', headers: { 'user-agent': 'ratchet' }, signal });
      found = answer.status === 200 && isIt(await readBody(answer.body, bodyLimit, true));
    } catch {
      found = false;
    }
    lookedAt = now();
    looking = null;
  }

  const look = (): Promise<void> => (looking ??= ask());

  return {
    answers() {
      if (now() - lookedAt >= rememberMs) void look();
      return found;
    },
    look,
  };
}
