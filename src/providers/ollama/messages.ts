import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { inputOf } from '../translation/input.ts';
import { refusal } from '../translation/refusal.ts';
import { textOf } from '../translation/text.ts';

/** A chat's messages as `/api/chat` has them: one text each, with images and calls beside it. */
export function nativeMessages(messages: Json | undefined): JsonObject[] {
  if (!Array.isArray(messages)) throw refusal('Messages must be a list of messages.', 'messages');
  const names = new Map<string, string>();
  return messages.map((message, index) => {
    const at = `messages.${index}`;
    if (!isObject(message)) throw refusal(`${at} must be an object with a role.`, at);
    return nativeMessage(message, at, names);
  });
}

/** `names` grows by the names of calls, so that what a tool gives can be told with its name. */
function nativeMessage(message: JsonObject, at: string, names: Map<string, string>): JsonObject {
  const { role, content, tool_calls: calls, tool_call_id: id, name } = message;
  const { texts, images } = contentOf(content, at);
  const thinking = message.reasoning_content ?? message.reasoning;
  const toolName = typeof name === 'string' ? name : names.get(textOf(id));
  const refused = typeof message.refusal === 'string' ? [message.refusal] : [];
  return {
    // Templates know no developer.
    role: role === 'developer' ? 'system' : (role ?? 'user'),
    content: [...texts, ...refused].join('\n'),
    ...(images.length > 0 && { images }),
    ...(typeof thinking === 'string' && thinking !== '' && { thinking }),
    ...(Array.isArray(calls) &&
      calls.length > 0 && { tool_calls: calls.map((call, n) => nativeCall(call, `${at}.tool_calls.${n}`, names)) }),
    ...(role === 'tool' && { ...(toolName !== undefined && { tool_name: toolName }), tool_call_id: textOf(id) }),
  };
}

function nativeCall(call: Json, at: string, names: Map<string, string>): JsonObject {
  if (!isObject(call) || !isObject(call.function) || typeof call.function.name !== 'string') {
    throw refusal(`Ollama takes calls of functions only (${at}): leave out calls of other kinds.`, at);
  }
  const { name, arguments: args } = call.function;
  if (typeof call.id === 'string') names.set(call.id, name);
  return { ...(typeof call.id === 'string' && { id: call.id }), function: { name, arguments: inputOf(args) } };
}

function contentOf(content: Json | undefined, at: string): { texts: string[]; images: string[] } {
  if (content === undefined || content === null) return { texts: [], images: [] };
  if (typeof content === 'string') return { texts: [content], images: [] };
  if (!Array.isArray(content)) throw refusal(`${at}.content must be a text or a list of parts.`, `${at}.content`);
  const texts: string[] = [];
  const images: string[] = [];
  for (const [index, part] of content.entries()) {
    const place = `${at}.content.${index}`;
    if (isObject(part) && part.type === 'image_url') images.push(imageOf(part.image_url, place));
    else texts.push(textIn(part, place));
  }
  return { texts, images };
}

function textIn(part: Json, at: string): string {
  if (typeof part === 'string') return part;
  const type = isObject(part) ? part.type : undefined;
  if (isObject(part) && (type === 'text' || type === 'input_text')) return textOf(part.text);
  if (isObject(part) && type === 'refusal') return textOf(part.refusal);
  throw refusal(
    `Ollama takes no part of type ${JSON.stringify(type ?? null)} (${at}): send text and images, or ask another model.`,
    at,
  );
}

function imageOf(image: Json | undefined, at: string): string {
  const url = isObject(image) ? image.url : image;
  const comma = typeof url === 'string' ? url.indexOf(',') : -1;
  if (typeof url === 'string' && /^data:[^,]*;base64$/i.test(url.slice(0, Math.max(0, comma))))
    return url.slice(comma + 1);
  throw refusal(`Ollama fetches no images (${at}): send it as a data URL in base64.`, at);
}
