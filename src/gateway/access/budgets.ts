import type { Budget } from '../../core/access.ts';
import { RatchetError } from '../../core/errors.ts';
import type { Millis, UsageStore } from '../../store/types.ts';

/** A key or a team, with what it may spend. */
export interface Budgeted {
  dimension: 'keyId' | 'team';
  /** Id of the key, or name of the team. */
  name: string;
  /** For people: `The key "ci"`. */
  label: string;
  budget: Budget;
}

/** What keys and teams have spent since their period began. */
export interface Budgets {
  /**
   * Throws BudgetSpent when a budget that stops is spent; else the model ref that a spent one names, or null.
   * Synchronous: it knows what the store said at the last reading, and what this process settled since.
   */
  check(budgeted: readonly Budgeted[]): string | null;
  /** Adds the cost of a call of which the store knows already, in billionths of a US dollar. */
  settle(budgeted: readonly Budgeted[], costNanos: number): void;
  spent(budgeted: Budgeted): number;
  /** Reads again what was spent. */
  refresh(budgeted: readonly Budgeted[]): Promise<void>;
}

export interface BudgetOptions {
  usage: Pick<UsageStore, 'sum'>;
  now?: () => Millis;
}

interface Account {
  per: Budget['per'];
  /** First day of the period, UTC; empty for `total`. */
  from: string;
  stored: number;
  /** Settled by this process, and not in `stored`. */
  own: number;
}

const dayMs = 86_400_000;

/** Creates the accounts of this process; {@link Budgets.refresh} makes them those of all processes on the store. */
export function createBudgets({ usage, now = Date.now }: BudgetOptions): Budgets {
  const accounts = new Map<string, Account>();
  const startOf = createCalendar();
  let reading = Promise.resolve();

  function accountOf({ dimension, name, budget: { per } }: Budgeted): Account {
    const key = `${dimension} ${name}`;
    const from = startOf(per, now());
    let account = accounts.get(key);
    if (account?.per !== per || account.from !== from) {
      accounts.set(key, (account = { per, from, stored: 0, own: 0 }));
    }
    return account;
  }

  const spent = (one: Budgeted): number => {
    const { stored, own } = accountOf(one);
    return stored + own;
  };

  async function read(all: readonly Budgeted[], per: Budget['per'], dimension: Budgeted['dimension']): Promise<void> {
    const read = all
      .filter((one) => one.budget.per === per && one.dimension === dimension)
      .map((one) => ({ name: one.name, account: accountOf(one) }))
      .map((one) => ({ ...one, before: one.account.own }));
    const [first] = read;
    if (!first) return;
    const { from } = first.account;
    const sums = await usage.sum(from === '' ? {} : { from }, [dimension]);
    const costs = new Map(sums.map((sum) => [sum[dimension], sum.costNanos]));
    for (const { name, account, before } of read) {
      account.stored = costs.get(name) ?? 0;
      account.own -= before;
    }
  }

  async function readAll(all: readonly Budgeted[]): Promise<void> {
    for (const per of ['day', 'month', 'total'] as const) {
      for (const dimension of ['keyId', 'team'] as const) await read(all, per, dimension);
    }
  }

  return {
    check(all) {
      const over = all.filter((one) => spent(one) >= one.budget.limitNanos);
      const stop = over.find(({ budget }) => budget.over === 'stop');
      if (stop) throw spentError(stop, now());
      return over[0]?.budget.over ?? null;
    },
    settle(all, costNanos) {
      for (const one of all) accountOf(one).own += costNanos;
    },
    spent,
    refresh(all) {
      const next = reading.then(() => readAll(all));
      reading = next.catch(() => undefined);
      return next;
    },
  };
}

/** First day of a period, UTC; empty for `total`. It is worked out once a day, for every call asks. */
function createCalendar(): (per: Budget['per'], at: Millis) => string {
  let known = Number.NaN;
  let starts = { day: '', month: '', total: '' };
  return (per, at) => {
    const day = Math.floor(at / dayMs);
    if (day !== known) {
      const text = new Date(at).toISOString().slice(0, 10);
      starts = { day: text, month: `${text.slice(0, 7)}-01`, total: '' };
      known = day;
    }
    return starts[per];
  };
}

function periodEnd(per: Budget['per'], at: Millis): string | null {
  const start = new Date(at);
  if (per === 'day') return new Date(Math.floor(at / dayMs + 1) * dayMs).toISOString().slice(0, 10);
  if (per === 'month') {
    return new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1)).toISOString().slice(0, 10);
  }
  return null;
}

function spentError({ label, budget }: Budgeted, at: Millis): RatchetError {
  const until = periodEnd(budget.per, at);
  const period = budget.per === 'total' ? 'in all' : `a ${budget.per}`;
  const wait = until === null ? '' : `, or wait until ${until} 00:00 UTC`;
  const dollars = (budget.limitNanos / 1e9).toFixed(2);
  return new RatchetError(
    'BudgetSpent',
    `${label} has spent its budget of $${dollars} ${period}: ask an admin to raise it${wait}.`,
  );
}
