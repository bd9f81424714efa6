import { z } from '@hono/zod-openapi';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Routes } from './context.ts';
import { problems } from './schemas.ts';

/** `GET /metrics`, for Prometheus and whatever speaks OpenMetrics. */
export function metricsRoutes({ metrics }: { metrics: Pick<Metrics, 'render'> }): Routes {
  return (app) => {
    app.get('/metrics', async (context) => {
      const { text, contentType } = await metrics.render(context.req.header('accept'));
      return context.body(text, 200, { 'content-type': contentType, 'cache-control': 'no-store' });
    });
    app.openAPIRegistry.registerPath({
      method: 'get',
      path: '/metrics',
      tags: ['Health'],
      summary: 'Metrics for Prometheus; docs/observability.md lists them',
      responses: {
        200: { description: 'The exposition', content: { 'text/plain': { schema: z.string() } } },
        ...problems,
      },
    });
  };
}
