import { createRoute, z } from '@hono/zod-openapi';
import type { Prices } from '../gateway/price.ts';
import type { Routes } from './context.ts';
import { json, problems } from './schemas.ts';

const priceLine = z
  .object({
    /** Model ref, model name, or either with `*`. */
    name: z.string(),
    input: z.number(),
    output: z.number(),
    cached_input: z.number().nullable(),
    source: z.enum(['settings', 'built-in']),
  })
  .openapi('Price');

const priceTable = z.object({
  currency: z.literal('USD'),
  /** How many tokens a price is for. */
  per: z.literal(1_000_000),
  items: z.array(priceLine),
  /** Models that were asked since the start and whose cost is not known. */
  unpriced: z.array(z.object({ model: z.string(), calls: z.int() })),
});

const list = createRoute({
  method: 'get',
  path: '/api/prices',
  tags: ['Usage'],
  summary: 'What tokens cost, and which models were asked that have no price; local models cost nothing',
  responses: { 200: json(priceTable, 'The price table'), ...problems },
});

/** `GET /api/prices`. */
export function priceRoutes({ prices }: { prices: Pick<Prices, 'list' | 'unpriced'> }): Routes {
  return (app) => {
    app.openapi(list, (context) => {
      const items = prices.list().map(({ key, price: { input, output, cachedInput }, source }) => {
        return { name: key, input, output, cached_input: cachedInput ?? null, source };
      });
      const unpriced = prices.unpriced().map(({ ref, calls }) => ({ model: ref, calls }));
      return context.json({ currency: 'USD' as const, per: 1_000_000 as const, items, unpriced }, 200);
    });
  };
}
