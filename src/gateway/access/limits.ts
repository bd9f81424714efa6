import type { Budget, Principal, RateLimits } from '../../core/access.ts';
import type { Millis, UsageStore } from '../../store/types.ts';
import type { Admission, Limits } from '../ports.ts';
import { type Budgeted, createBudgets } from './budgets.ts';
import type { Access } from './keys.ts';
import { createRates, type Limited } from './rates.ts';

export interface LimitsOptions {
  access: Pick<Access, 'key' | 'keys' | 'team' | 'teams'>;
  usage: Pick<UsageStore, 'sum'>;
  log: { warn(facts: object, message: string): void };
  /** How often it is read what other processes have spent, in ms. */
  refreshMs?: number;
  now?: () => Millis;
  /** Milliseconds that never run backwards, for what is counted by the minute. */
  clock?: () => number;
}

/** Rates and budgets of keys and teams. */
export interface AccessLimits extends Limits {
  /** Billionths of a US dollar that were spent in the running period; null without a budget. */
  spentByKey(id: string): number | null;
  spentByTeam(name: string): number | null;
  /** Reads again what was spent; a process calls it after it has changed a budget. */
  refresh(): Promise<void>;
  close(): void;
}

interface Holder {
  dimension: 'keyId' | 'team';
  name: string;
  label: string;
  limits: RateLimits;
  budget: Budget | null;
}

const unlimited: Admission = { instead: null, headers: {}, settle: () => {} };

/**
 * Creates the limits of this process. Budgets are checked against what is known: they are overrun by what is in flight
 * when they are reached, and by what other processes spend between two readings.
 */
export async function createLimits(options: LimitsOptions): Promise<AccessLimits> {
  const { access, log, refreshMs = 10_000, now = Date.now } = options;
  const rates = createRates(options.clock);
  const budgets = createBudgets({ usage: options.usage, now });

  const keyHolder = (id: string): Holder[] => {
    const key = access.key(id);
    return key ? [{ dimension: 'keyId', name: id, label: `The key "${key.name}"`, ...pick(key) }] : [];
  };
  const teamHolder = (name: string): Holder[] => {
    const team = access.team(name);
    return team ? [{ dimension: 'team', name, label: `The team "${name}"`, ...pick(team) }] : [];
  };
  const spent = (holders: readonly Holder[]): number | null => {
    const [one] = holders.flatMap(budgeted);
    return one ? budgets.spent(one) : null;
  };
  const refresh = () => {
    const keys = access.keys().filter(({ revokedAt }) => revokedAt === null);
    const holders = [
      ...keys.flatMap(({ id }) => keyHolder(id)),
      ...access.teams().flatMap(({ name }) => teamHolder(name)),
    ];
    return budgets.refresh(holders.flatMap(budgeted));
  };

  await refresh();
  const quietly = () =>
    void refresh().catch((error: unknown) => log.warn({ err: error }, 'what was spent could not be read again'));
  const timer = setInterval(quietly, refreshMs);
  timer.unref();

  return {
    admit({ keyId, team }: Principal): Admission {
      if (keyId === null) return unlimited;
      const holders = [...keyHolder(keyId), ...(team === null ? [] : teamHolder(team))];
      const accounts = holders.flatMap(budgeted);
      const instead = budgets.check(accounts);
      const { headers, settle } = rates.admit(holders.map(limited));
      let settled = false;
      return {
        instead,
        headers,
        settle({ tokens, costNanos }) {
          if (settled) return;
          settled = true;
          settle(tokens);
          budgets.settle(accounts, costNanos);
        },
      };
    },
    spentByKey: (id) => spent(keyHolder(id)),
    spentByTeam: (name) => spent(teamHolder(name)),
    refresh,
    close: () => clearInterval(timer),
  };
}

function pick({ limits, budget }: { limits: RateLimits; budget: Budget | null }) {
  return { limits, budget };
}

function budgeted({ dimension, name, label, budget }: Holder): Budgeted[] {
  return budget === null ? [] : [{ dimension, name, label, budget }];
}

function limited({ dimension, name, label, limits }: Holder): Limited {
  return { holder: `${dimension} ${name}`, label, limits };
}
