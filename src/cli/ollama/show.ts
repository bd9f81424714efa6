import type { ApiClient } from '../api-client.ts';
import { tableText } from '../table.ts';

interface Shown {
  details?: { family?: string; format?: string; parameter_size?: string; quantization_level?: string };
  model_info?: Record<string, unknown>;
  capabilities?: string[];
  parameters?: string;
  template?: string;
  system?: string;
  license?: string;
  modelfile?: string;
}

/** Prints what Ollama knows of a model. */
export async function showModel(
  api: ApiClient,
  model: string,
  options: { json?: boolean; modelfile?: boolean },
): Promise<void> {
  const shown = await api.get<Shown>(`/api/ollama/models/${encodeURIComponent(model)}`);
  if (options.json) return console.log(JSON.stringify(shown, null, 2));
  if (options.modelfile) return console.log(shown.modelfile ?? '');
  console.log(tableText(rowsOf(shown)));
  for (const [title, text] of [
    ['parameters', shown.parameters],
    ['system', shown.system],
    ['template', shown.template],
  ] as const) {
    if (text) console.log(`\n${title}\n${text.replace(/^/gm, '  ')}`);
  }
}

function rowsOf({ details = {}, model_info = {}, capabilities = [], license = '' }: Shown): string[][] {
  const info = (name: string): string | undefined => {
    const found = Object.entries(model_info).find(([key]) => key.endsWith(`.${name}`))?.[1];
    return typeof found === 'number' ? String(found) : undefined;
  };
  const rows: [string, string | undefined][] = [
    ['family', details.family],
    ['format', details.format],
    ['parameters', details.parameter_size],
    ['weights', details.quantization_level],
    ['context', info('context_length')],
    ['embedding', info('embedding_length')],
    ['can', capabilities.join(', ')],
    ['license', license.trim().split('\n')[0]],
  ];
  return rows.flatMap(([name, value]) => (value ? [[name, value]] : []));
}
