import { asRatchetError } from '../core/errors.ts';
import { stopsOf, toOllamaTemplate } from './template.ts';

/**
 * A Modelfile by which `ollama create` makes of an exported GGUF file what Ratchet makes of it: with the chat template and the
 * texts at which an answer ends. Null for a chat template that has no form in Ollama.
 */
export async function exportModelfile(
  folder: string,
  made: { model: string } | { adapter: string; base: string },
): Promise<string | null> {
  const { readChatTemplate } = await import('./chat-template.ts');
  const template = await readChatTemplate(folder);
  const from = 'model' in made ? [`FROM ./${made.model}`] : [`FROM ${made.base}`, `ADAPTER ./${made.adapter}`];
  try {
    const stops = stopsOf(template).map((stop) => `PARAMETER stop ${JSON.stringify(stop)}`);
    return [...from, `TEMPLATE """${toOllamaTemplate(template)}"""`, ...stops, ''].join('\n');
  } catch (error) {
    if (asRatchetError(error).code === 'InvalidInput') return null;
    throw error;
  }
}
