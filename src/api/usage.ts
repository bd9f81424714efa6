import { createRoute, z } from '@hono/zod-openapi';
import { type Principal, includesRole } from '../core/access.ts';
import { RatchetError } from '../core/errors.ts';
import type { Store, UsageDimension, UsageSum } from '../store/types.ts';
import type { Routes } from './context.ts';
import { requireRole } from './roles.ts';
import { json, problems } from './schemas.ts';

/** How a client names what sums are grouped by. */
const dimensions = {
  day: 'day',
  model: 'model',
  key: 'keyId',
  team: 'team',
  provider: 'provider',
  owner: 'owner',
} as const satisfies Record<string, UsageDimension>;

type Dimension = keyof typeof dimensions;
const names = Object.keys(dimensions) as Dimension[];
const shownDays = 30;
const mostRows = 10_000;

const by = z
  .string()
  .default('day')
  .transform((text) => [...new Set(text.split(',').filter((name) => name !== ''))])
  .pipe(z.array(z.enum(names, { error: `use some of ${names.join(', ')}` })))
  .openapi({ type: 'string', description: `Some of ${names.join(', ')}; nothing for one sum.`, example: 'day,model' });

const query = z.object({
  by,
  from: z.iso.date().optional().openapi({ description: 'First day, UTC; 30 days ago unless given.' }),
  to: z.iso.date().optional().openapi({ description: 'Last day, UTC; today unless given.' }),
  owner: z.string().max(200).optional(),
  key: z.string().max(200).optional().openapi({ description: 'Id of an API key.' }),
  team: z.string().max(200).optional(),
});

const sums = {
  requests: z.int(),
  failures: z.int(),
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  /** By the price table at the time of each call. */
  cost_usd: z.number(),
};

const label = z.string().optional();
const usage = z
  .object({
    from: z.string(),
    to: z.string(),
    by: z.array(z.enum(names)),
    items: z.array(
      z.object({
        day: label,
        model: label,
        key: label.openapi({ description: 'Id of the API key; empty without one.' }),
        key_name: label,
        team: label,
        provider: label,
        owner: label,
        ...sums,
      }),
    ),
    total: z.object(sums),
  })
  .openapi('Usage');

const read = createRoute({
  method: 'get',
  path: '/api/usage',
  tags: ['Usage'],
  summary: 'Calls, tokens and cost, summed; with the role rate of your own calls only',
  request: { query },
  responses: { 200: json(usage, 'Sums and their total'), ...problems },
});

/** `GET /api/usage`. */
export function usageRoutes({ store }: { store: Pick<Store, 'usage' | 'keys'> }): Routes {
  return (app) => {
    app.openapi(read, async (context) => {
      const { by, from = daysAgo(shownDays), to = daysAgo(0), ...asked } = context.req.valid('query');
      if (from > to) throw new RatchetError('InvalidInput', `Correct the request: from ${from} is after to ${to}.`);
      const filter = { from, to, ...visible(context.get('principal'), asked) };
      const [rows, total, keyNames] = await Promise.all([
        store.usage.sum(
          filter,
          by.map((name) => dimensions[name]),
        ),
        store.usage.sum(filter, []),
        by.includes('key') ? namesOfKeys(store) : new Map<string, string>(),
      ]);
      if (rows.length > mostRows) throw tooMany(rows.length);
      const items = rows.map((row) => ({ ...labelsOf(row, by, keyNames), ...presentSums(row) }));
      return context.json({ from, to, by, items, total: presentSums(total[0] ?? nothing) }, 200);
    });
  };
}

const nothing: UsageSum = { requests: 0, failures: 0, promptTokens: 0, completionTokens: 0, costNanos: 0 };

type Asked = Pick<z.infer<typeof query>, 'owner' | 'key' | 'team'>;

/** What somebody may see: their own, or what they ask for. */
function visible(principal: Principal, { owner, key, team }: Asked) {
  if (owner !== undefined && owner !== principal.owner) requireRole(principal, 'operate', 'see the usage of others');
  const whose = includesRole(principal.role, 'operate') ? owner : principal.owner;
  return {
    ...(whose !== undefined && { owner: whose }),
    ...(key !== undefined && { keyId: key }),
    ...(team !== undefined && { team }),
  };
}

async function namesOfKeys({ keys }: Pick<Store, 'keys'>): Promise<Map<string, string>> {
  return new Map((await keys.list()).map(({ id, name }) => [id, name]));
}

function labelsOf(row: UsageSum, by: readonly Dimension[], keyNames: ReadonlyMap<string, string>) {
  const labels = Object.fromEntries(by.map((name) => [name, row[dimensions[name]] ?? '']));
  return by.includes('key') ? { ...labels, key_name: keyNames.get(row.keyId ?? '') ?? '' } : labels;
}

function presentSums(row: UsageSum) {
  return {
    requests: row.requests,
    failures: row.failures,
    prompt_tokens: row.promptTokens,
    completion_tokens: row.completionTokens,
    cost_usd: row.costNanos / 1e9,
  };
}

function daysAgo(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
}

function tooMany(rows: number): RatchetError {
  const message = `That would be ${rows} lines of sums: ask for fewer days, or group by less.`;
  return new RatchetError('InvalidInput', message, { details: { param: 'by' } });
}
