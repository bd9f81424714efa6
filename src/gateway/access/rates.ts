import type { RateLimits } from '../../core/access.ts';
import { RatchetError } from '../../core/errors.ts';
import { type MinuteWindow, createMinuteWindow } from './window.ts';

/** A key or a team, with what it may use. */
export interface Limited {
  /** Names it among all keys and teams. */
  holder: string;
  /** For people: `The key "ci"`. */
  label: string;
  limits: RateLimits;
}

/** Counts calls and tokens of the last minute. */
export interface Rates {
  /**
   * Counts a call against each of those named, or against none: throws RateLimited with `retryAfter` and `headers`.
   * `headers` are those that OpenAI sends, of whichever limit is nearest.
   */
  admit(limited: readonly Limited[]): { headers: Record<string, string>; settle(tokens: number): void };
  /** Throws as `admit` would, and counts nothing. */
  check(limited: readonly Limited[]): void;
}

interface Use {
  limited: Limited;
  requests: MinuteWindow;
  tokens: MinuteWindow;
}

interface Room {
  limit: number;
  remaining: number;
  window: MinuteWindow;
}

const noRoom = { headers: {}, settle: () => {} };

/**
 * Creates the counts of this process: other processes on the same store count for themselves.
 * A call's tokens are known when it is over, so that calls in flight at the same time may pass a limit of tokens together.
 */
export function createRates(clock: () => number = () => performance.now()): Rates {
  const windows = new Map<string, { requests: MinuteWindow; tokens: MinuteWindow }>();

  function useOf(limited: Limited): Use {
    let found = windows.get(limited.holder);
    if (!found) windows.set(limited.holder, (found = { requests: createMinuteWindow(), tokens: createMinuteWindow() }));
    return { limited, ...found };
  }

  function checked(all: readonly Limited[], at: number): Use[] {
    const uses = all.filter(({ limits }) => limits.rpm !== null || limits.tpm !== null).map(useOf);
    for (const use of uses) refuseOver(use, at, () => headersOf(uses, at));
    return uses;
  }

  return {
    check: (all) => void checked(all, clock()),
    admit(all) {
      const at = clock();
      const uses = checked(all, at);
      if (uses.length === 0) return noRoom;
      for (const { requests } of uses) requests.add(at, 1);
      return {
        headers: headersOf(uses, at),
        settle: (tokens) => {
          for (const use of uses) use.tokens.add(clock(), tokens);
        },
      };
    },
  };
}

function refuseOver({ limited, requests, tokens }: Use, at: number, headers: () => Record<string, string>): void {
  const { label, limits } = limited;
  const refuse = (what: string, limit: number, waitMs: number): never => {
    // OpenAI's clients wait as long as they are told only up to a minute, and come again too early otherwise.
    const seconds = Math.min(60, Math.max(1, Math.ceil(waitMs / 1_000)));
    const message = `${label} may use ${limit} ${what} a minute: wait ${seconds} s, or ask an admin for more.`;
    throw new RatchetError('RateLimited', message, { details: { retryAfter: String(seconds), headers: headers() } });
  };
  const { rpm, tpm } = limits;
  if (rpm !== null && requests.sum(at) >= rpm) refuse('requests', rpm, requests.waitFor(at, rpm));
  if (tpm !== null && tokens.sum(at) >= tpm) refuse('tokens', tpm, tokens.waitFor(at, tpm));
}

/** https://platform.openai.com/docs/guides/rate-limits, "Rate limits in headers". */
function headersOf(uses: readonly Use[], at: number): Record<string, string> {
  const rooms = (limit: 'rpm' | 'tpm', of: (use: Use) => MinuteWindow): Room[] =>
    uses.flatMap((use) => {
      const most = use.limited.limits[limit];
      const window = of(use);
      return most === null ? [] : [{ limit: most, remaining: Math.max(0, most - window.sum(at)), window }];
    });
  return {
    ...roomHeaders('requests', nearest(rooms('rpm', ({ requests }) => requests)), at),
    ...roomHeaders('tokens', nearest(rooms('tpm', ({ tokens }) => tokens)), at),
  };
}

function nearest(rooms: readonly Room[]): Room | undefined {
  return rooms.reduce<Room | undefined>(
    (least, room) => (least && least.remaining <= room.remaining ? least : room),
    undefined,
  );
}

function roomHeaders(what: string, room: Room | undefined, at: number): Record<string, string> {
  if (!room) return {};
  return {
    [`x-ratelimit-limit-${what}`]: String(room.limit),
    [`x-ratelimit-remaining-${what}`]: String(room.remaining),
    [`x-ratelimit-reset-${what}`]: duration(room.window.empties(at)),
  };
}

/** As OpenAI writes it: `120ms`, `1s`, `6m0s`. */
function duration(ms: number): string {
  const whole = Math.ceil(ms);
  if (whole < 1_000) return `${whole}ms`;
  const seconds = Math.ceil(whole / 1_000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
