import type { Routes } from '../context.ts';
import { type OllamaBlobDeps, ollamaBlobRoutes } from './blobs.ts';
import { type OllamaJobDeps, ollamaJobRoutes } from './jobs.ts';
import { type OllamaModelDeps, ollamaModelRoutes } from './models.ts';

export interface OllamaRouteDeps extends Omit<OllamaModelDeps & OllamaJobDeps & OllamaBlobDeps, 'ollama'> {
  client: OllamaModelDeps['ollama'];
}

/** `/api/ollama`: what only Ollama can do, through checks of ours. */
export function ollamaRoutes({ client, ...rest }: OllamaRouteDeps): Routes {
  const deps = { ...rest, ollama: client };
  return (app) => {
    for (const addTo of [ollamaModelRoutes(deps), ollamaJobRoutes(deps), ollamaBlobRoutes(deps)]) addTo(app);
  };
}
