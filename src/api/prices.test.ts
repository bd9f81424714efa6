import { OpenAPIHono } from '@hono/zod-openapi';
import { expect, test } from 'vitest';
import { parseSettings } from '../core/settings.ts';
import { createPrices } from '../gateway/price.ts';
import type { AppEnv } from './context.ts';
import { priceRoutes } from './prices.ts';

test('GET /api/prices lists what is in force, and the models that have no price', async () => {
  const file = { prices: { 'gpt-4o': { input: 1, output: 2, cached_input: 0.5 }, 'near/*': { input: 0, output: 0 } } };
  const settings = parseSettings(JSON.stringify(file), 'ratchet.json');
  const prices = createPrices({ settings: () => settings, log: { warn: () => {} } });
  prices.missed('openai', 'o9');
  const app = new OpenAPIHono<AppEnv>();
  priceRoutes({ prices })(app);

  const body = (await (await app.request('/api/prices')).json()) as { items: { name: string }[] };
  expect(body).toMatchObject({ currency: 'USD', per: 1_000_000, unpriced: [{ model: 'openai/o9', calls: 1 }] });
  expect(body.items).toContainEqual({ name: 'gpt-4o', input: 1, output: 2, cached_input: 0.5, source: 'settings' });
  expect(body.items).toContainEqual({
    name: 'gpt-4o-mini',
    input: 0.15,
    output: 0.6,
    cached_input: null,
    source: 'built-in',
  });
  expect(body.items.map(({ name }) => name)).toEqual([
    'gpt-4o',
    'near/*',
    'gpt-4o-mini',
    'gpt-4-turbo',
    'claude-3-sonnet',
  ]);
});
