import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import type { Branching } from './branches.ts';
import { listIn, objectIn, textIn } from './fields.ts';

/** A message of a conversation. */
export interface Message extends Branching {
  role: 'user' | 'assistant';
  body: JsonObject;
}

/** The messages by their ids. One that names no message before it follows the one that stands before it. */
export function messagesIn(list: readonly Json[]): ReadonlyMap<string, Message> {
  const messages = new Map<string, Message>();
  let last: string | null = null;
  for (const [index, body] of list.entries()) {
    if (!isObject(body)) continue;
    const id = textIn(body.messageId) ?? `#${index}`;
    const parent: string | null = 'parentMessageId' in body ? (textIn(body.parentMessageId) ?? null) : last;
    messages.set(id, { id, parent, role: body.isCreatedByUser === true ? 'user' : 'assistant', body });
    last = id;
  }
  return messages;
}

/** A tree of messages with their children as the list of all; a child's place tells what it follows. */
export function flattened(tree: readonly Json[]): Json[] {
  const list: Json[] = [];
  const open: [Json, string | null][] = tree.map((message): [Json, null] => [message, null]).reverse();
  for (let next = open.pop(); next; next = open.pop()) {
    const [message, parent] = next;
    if (!isObject(message)) continue;
    const { children, ...rest } = message;
    const id = textIn(rest.messageId) ?? `#${list.length}`;
    list.push({ ...rest, messageId: id, parentMessageId: parent });
    open.push(
      ...listIn(children)
        .map((child): [Json, string] => [child, id])
        .reverse(),
    );
  }
  return list;
}

interface Parts {
  text: string;
  thoughts: string | undefined;
  pictures: boolean;
}

/** What a message says, which stands in its `content` where there is one; a call of a tool is no text. */
export function partsOf({ content, text, files }: JsonObject): Parts {
  const parts = listIn(content).map(objectIn);
  const saidIn = (part: JsonObject, name: string): string =>
    part.type === name ? (textIn(part[name]) ?? textIn(objectIn(part[name]).value) ?? '') : '';
  const said = parts.map((part) => saidIn(part, 'text')).join('');
  const thoughts = parts.map((part) => saidIn(part, 'think')).join('');
  const pictures =
    parts.some(({ type }) => typeof type === 'string' && type.startsWith('image')) ||
    listIn(files).some((file) => textIn(objectIn(file).type)?.startsWith('image/'));
  return { text: said || (textIn(text) ?? ''), thoughts: thoughts || undefined, pictures };
}
