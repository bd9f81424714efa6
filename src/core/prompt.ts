import { type Json, type JsonObject, isObject } from './canonical.ts';
import { RatchetError } from './errors.ts';
import type { WireMessage } from './message.ts';

/** What may be put into a template. */
export type PromptValue = string | number | boolean;

export interface PromptVariable {
  description?: string | undefined;
  /** Taken where the request gives none; without it, the request must. */
  default?: PromptValue | undefined;
}

/** Messages with places for variables: `{{name}}`. */
export interface PromptBody {
  messages: WireMessage[];
  variables: Readonly<Record<string, PromptVariable>>;
}

/** `{{name}}`, with or without spaces. What else stands in braces is text. */
const place = /\{\{\s*([A-Za-z_]\w{0,63})\s*\}\}/g;

/**
 * Checks a template: every declared variable is used. One that is used and not declared is declared by that. InvalidInput
 * names the variable.
 */
export function checkPrompt({ messages, variables }: PromptBody): PromptBody {
  const used = new Set(messages.flatMap((message) => textsOf(message.content).flatMap(namesIn)));
  const unused = Object.keys(variables).filter((name) => !used.has(name));
  if (unused.length > 0) {
    throw invalid(`The template does not use ${listed(unused)}: write {{${unused[0]}}} where it belongs.`, 'variables');
  }
  return { messages, variables: Object.fromEntries([...used].map((name) => [name, variables[name] ?? {}])) };
}

/** The messages of a template with values in their places. InvalidInput names what is missing or unknown. */
export function renderPrompt(
  { messages, variables }: PromptBody,
  values: Readonly<Record<string, PromptValue>>,
): WireMessage[] {
  const unknown = Object.keys(values).filter((name) => !Object.hasOwn(variables, name));
  if (unknown.length > 0) {
    const known = Object.keys(variables);
    const hint = known.length === 0 ? 'it has no variables' : `it has ${known.join(', ')}`;
    throw invalid(`The template has no variable ${listed(unknown)}: ${hint}.`, 'prompt.variables');
  }
  const valueOf = (name: string): PromptValue | undefined =>
    Object.hasOwn(values, name) ? values[name] : variables[name]?.default;
  const missing = Object.keys(variables).filter((name) => valueOf(name) === undefined);
  if (missing.length > 0) {
    throw invalid(`The template needs ${listed(missing)}: give it in prompt.variables.`, 'prompt.variables');
  }
  // In one pass: braces that come with a value are text.
  const fill = (text: string): string => text.replace(place, (_whole, name: string) => String(valueOf(name)));
  return messages.map((message) => ({ ...message, content: filled(message.content, fill) }));
}

function filled(content: Json | undefined, fill: (text: string) => string): Json {
  if (typeof content === 'string') return fill(content);
  if (!Array.isArray(content)) return content ?? null;
  return content.map((part) => (hasText(part) ? { ...part, text: fill(part.text) } : part));
}

function textsOf(content: Json | undefined): string[] {
  if (typeof content === 'string') return [content];
  return Array.isArray(content) ? content.filter(hasText).map(({ text }) => text) : [];
}

function hasText(part: Json): part is JsonObject & { text: string } {
  return isObject(part) && typeof part.text === 'string';
}

function namesIn(text: string): string[] {
  return [...text.matchAll(place)].flatMap(([, name]) => (name === undefined ? [] : [name]));
}

function listed(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

function invalid(message: string, param: string): RatchetError {
  return new RatchetError('InvalidInput', message, { details: { param } });
}
