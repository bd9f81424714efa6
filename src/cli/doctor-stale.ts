import { z } from 'zod';
import type { Config } from '../config.ts';
import type { Check } from '../setup/check.ts';
import { createApiClient } from './api-client.ts';
import { addressOf } from './connection.ts';
import { splitAdvice } from './split-advice.ts';

const limitMs = 3_000;
const health = z.object({ parts: z.object({ model: z.object({ state: z.string(), reason: z.string() }) }) });

/** Whether the selected model learned something that is forgotten, as the API says; nothing where none answers. */
export async function checkStale(config: Pick<Config, 'host' | 'port' | 'apiKey'>): Promise<Check[]> {
  const api = createApiClient({ url: addressOf(config), apiKey: config.apiKey });
  try {
    const response = await api.open('/api/health', { signal: AbortSignal.timeout(limitMs) });
    const { model } = health.parse(await response.json()).parts;
    if (model.state === 'green') return [];
    const [message, fix] = splitAdvice(model.reason);
    return [{ name: 'model', state: 'warning', message, fix }];
  } catch {
    return [];
  }
}
