import { createRoute, z } from '@hono/zod-openapi';
import { keyOf, parseModelName } from '../../models/ollama/name.ts';
import type { ModelManagement } from '../../models/ollama/management.ts';
import type { OllamaClient } from '../../models/ollama.ts';
import type { Routes } from '../context.ts';
import { flag, json, jsonObject, problems } from '../schemas.ts';
import { loadedModel, localModel, modelName, presentLoaded, presentModel } from './schemas.ts';

export interface OllamaModelDeps {
  ollama: OllamaClient;
  management: ModelManagement;
  /** Ref of the selected model; null when nothing is selected. */
  selected: () => string | null;
}

const tags = ['Ollama'];
const params = z.object({ name: modelName.openapi({ description: 'A slash in it is written %2F' }) });
const force = z.object({ force: flag.optional() });

const list = createRoute({
  method: 'get',
  path: '/api/ollama/models',
  tags,
  summary: 'Models that Ollama has on disk',
  responses: { 200: json(z.object({ items: z.array(localModel) }), 'Every model'), ...problems },
});

const show = createRoute({
  method: 'get',
  path: '/api/ollama/models/{name}',
  tags,
  summary: 'Template, parameters, details and capabilities of a model, as Ollama tells them',
  request: { params },
  responses: { 200: json(jsonObject, 'What Ollama tells'), ...problems },
});

const remove = createRoute({
  method: 'delete',
  path: '/api/ollama/models/{name}',
  tags,
  summary: 'Delete a model from disk; refused while it is selected or a cycle needs it',
  request: { params, query: force },
  responses: { 200: json(z.object({ deleted: z.string() }), 'What was deleted'), ...problems },
});

const copy = createRoute({
  method: 'post',
  path: '/api/ollama/copy',
  tags,
  summary: 'Give a model a second name',
  request: {
    query: force,
    body: { required: true, ...json(z.strictObject({ source: modelName, destination: modelName }), 'Two names') },
  },
  responses: { 200: json(z.object({ source: z.string(), destination: z.string() }), 'What was copied'), ...problems },
});

const ps = createRoute({
  method: 'get',
  path: '/api/ollama/ps',
  tags,
  summary: 'Models in memory: what they take, on which side, and until when',
  responses: { 200: json(z.object({ items: z.array(loadedModel) }), 'Every model in memory'), ...problems },
});

const unload = createRoute({
  method: 'post',
  path: '/api/ollama/unload',
  tags,
  summary: 'Drop a model from memory when its calls have ended',
  request: { body: { required: true, ...json(z.strictObject({ model: modelName }), 'A name') } },
  responses: { 200: json(z.object({ unloaded: z.string() }), 'What is dropped'), ...problems },
});

/** `/api/ollama/models`, `copy`, `ps` and `unload`: what Ollama has, on disk and in memory. */
export function ollamaModelRoutes({ ollama, management, selected }: OllamaModelDeps): Routes {
  return (app) => {
    app.openapi(list, async (context) => {
      const { signal } = context.req.raw;
      const [models, loaded] = await Promise.all([ollama.list(signal), ollama.loaded(signal)]);
      const inMemory = new Set(loaded.map(keyOf));
      const ref = selected();
      const chosen = ref?.startsWith('ollama/') ? keyOf(ref.slice('ollama/'.length)) : null;
      const items = models.map((model) => {
        const key = keyOf(model.name);
        return presentModel(model, { loaded: inMemory.has(key), selected: key === chosen });
      });
      return context.json({ items }, 200);
    });
    app.openapi(show, async (context) => {
      const { name } = context.req.valid('param');
      parseModelName(name);
      return context.json(await ollama.show(name, context.req.raw.signal), 200);
    });
    app.openapi(remove, async (context) => {
      const { name } = context.req.valid('param');
      await management.delete(name, { force: context.req.valid('query').force ?? false });
      return context.json({ deleted: name }, 200);
    });
    app.openapi(copy, async (context) => {
      const { source, destination } = context.req.valid('json');
      await management.copy(source, destination, { force: context.req.valid('query').force ?? false });
      return context.json({ source, destination }, 200);
    });
    app.openapi(ps, async (context) => {
      const models = await ollama.running(context.req.raw.signal);
      return context.json({ items: models.map(presentLoaded) }, 200);
    });
    app.openapi(unload, async (context) => {
      const { model } = context.req.valid('json');
      await management.unload(model);
      return context.json({ unloaded: model }, 200);
    });
  };
}
