import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import type { WireMessage } from '../../core/message.ts';
import { type PromptValue, renderPrompt } from '../../core/prompt.ts';
import type { PromptStore } from '../../store/prompt-types.ts';
import { invalidField } from '../fields.ts';

/** The template that a request names: `{"id", "version"?, "variables"?}`, as OpenAI's Responses write it. */
export interface PromptField {
  name: string;
  version: number | undefined;
  values: Record<string, PromptValue>;
}

/** Reads `prompt`; null when there is none, as in every chat of a client that knows nothing of it. */
export function readPromptField({ prompt }: JsonObject): PromptField | null {
  if (prompt === undefined || prompt === null) return null;
  if (!isObject(prompt) || typeof prompt.id !== 'string') {
    throw invalidField('prompt', 'an object with the "id" of a template', 'prompt');
  }
  return { name: prompt.id, version: readVersion(prompt.version), values: readValues(prompt.variables) };
}

/** The template's messages with the values in their places, and what the record says of it. */
export async function promptMessages(
  prompts: Pick<PromptStore, 'get'>,
  { name, version, values }: PromptField,
): Promise<{ messages: WireMessage[]; field: JsonObject }> {
  const found = await prompts.get(name, version);
  if (!found) {
    const what = version === undefined ? `prompt "${name}"` : `version ${version} of the prompt "${name}"`;
    throw new RatchetError('NotFound', `There is no ${what}: GET /api/prompts lists them.`, {
      details: { param: 'prompt.id' },
    });
  }
  return { messages: renderPrompt(found, values), field: { id: name, version: found.version, variables: values } };
}

/** OpenAI writes versions as texts. */
function readVersion(version: Json | undefined): number | undefined {
  if (version === undefined || version === null) return undefined;
  const number = Number(version);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw invalidField('prompt.version', 'a number from 1 on', 'prompt.version');
}

function readValues(variables: Json | undefined): Record<string, PromptValue> {
  if (variables === undefined || variables === null) return {};
  if (!isObject(variables)) throw invalidField('prompt.variables', 'an object', 'prompt.variables');
  const values = Object.entries(variables).map(([name, value]): [string, PromptValue] => {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return [name, value];
    throw invalidField(`prompt.variables.${name}`, 'a text, a number, true or false', 'prompt.variables');
  });
  return Object.fromEntries(values);
}
