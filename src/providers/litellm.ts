import type { ProviderInstance } from './definition.ts';
import { openAiCompatible } from './openai.ts';
import { createPresence } from './presence.ts';
import type { Provider } from './types.ts';

/**
 * LiteLLM's proxy. One that somebody named is asked, whatever comes of it; at its usual address it is looked for first, and
 * what answers there has to be it: the port is a common one.
 */
export function createLiteLlm(instance: ProviderInstance): Provider {
  const provider = openAiCompatible(instance);
  const presence = createPresence({
    url: `${instance.baseUrl.replace(/\/v1$/, '')}/health/liveliness`,
    isIt: (body) => body.includes("I'm alive"),
  });
  // A key alone says nothing of where a proxy is: it may be meant for the library.
  const isNamed = instance.isPlaced;
  return {
    ...provider,
    setUp: () => (isNamed ? { state: 'given' } : { state: 'usual' }),
    listModels: async (options) => (isNamed || presence.answers() ? provider.listModels(options) : []),
    proxy: {
      stands: () => isNamed || presence.answers(),
      look: () => (isNamed ? Promise.resolve() : presence.look()),
      apiKey: instance.apiKey,
    },
  };
}
