import { isObject } from '../../core/canonical.ts';
import { asRatchetError } from '../../core/errors.ts';
import type { Provider } from '../types.ts';
import { getJson } from '../wire.ts';
import type { Access } from './access.ts';
import { notMessages } from './errors.ts';
import { factsOf } from './facts.ts';

/** What the Models API tells: which models there are, what one can do, and whether it answers at all. */
export function createListing({
  context,
  missing,
  wire,
}: Access): Required<Pick<Provider, 'listModels' | 'describe' | 'health'>> {
  const listModels: Provider['listModels'] = async ({ signal }) => {
    if (missing() !== null) return [];
    const listed = await getJson(wire('models?limit=1000', { signal }));
    if (!isObject(listed) || !Array.isArray(listed.data)) throw notMessages('did not list its models', context);
    return listed.data.flatMap((model) => (isObject(model) && typeof model.id === 'string' ? [model.id] : []));
  };

  return {
    listModels,
    async describe(model, { signal }) {
      if (missing() !== null) return null;
      return factsOf(await getJson(wire(`models/${encodeURIComponent(model)}`, { signal, model })));
    },
    async health({ signal }) {
      const hint = missing();
      if (hint !== null) return { state: 'yellow', reason: `No API key: ${hint}.` };
      try {
        const names = await listModels({ signal });
        return { state: 'green', reason: `It answers with ${names.length} models.`, models: names.length, names };
      } catch (error) {
        const { code, message } = asRatchetError(error);
        return { state: code === 'RateLimited' ? 'yellow' : 'red', reason: message };
      }
    },
  };
}
