import { type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import type { WireMessage } from '../../core/message.ts';
import { type Branching, branchBefore } from './branches.ts';
import { listIn, objectIn, textIn } from './fields.ts';

/** A message of a conversation's tree; what has no message, or is not said to anybody, is only a place in it. */
interface Node extends Branching {
  says: Says | null;
  message: JsonObject;
}

interface Says {
  role: 'user' | 'assistant';
  text: string;
  thoughts: string;
  picture: boolean;
}

/** An answer: all that the model said after one question, which may be several messages with calls of tools between them. */
export interface Answer {
  /** Ids of its messages; the last is what names it. */
  ids: string[];
  /** Id of the question, which tells answers to the same. */
  question: string | null;
  /** The last of its messages. */
  message: JsonObject;
  messages: WireMessage[];
  text: string;
  thoughts: string;
  /** Whether something on its branch is no text. */
  picture: boolean;
}

/** The answers of a conversation, on all its branches. Throws InvalidInput when it has no `mapping`. */
export function answersIn({ mapping }: JsonObject): Answer[] {
  if (!isObject(mapping)) throw new RatchetError('InvalidInput', 'The conversation has no "mapping".');
  const tree = new Map(Object.entries(mapping).map(([id, node]): [string, Node] => [id, nodeOf(id, objectIn(node))]));
  const answers = [...tree.values()].flatMap((node) => (isAnswer(node) ? [answerOf(tree, node)] : []));
  // Who says something, calls a tool and goes on has given one answer.
  const begun = new Set(answers.flatMap(({ ids }) => ids.slice(0, -1)));
  return answers.filter(({ ids }) => !begun.has(ids.at(-1) ?? ''));
}

function isAnswer({ says }: Node): boolean {
  return says?.role === 'assistant' && says.text.trim() !== '';
}

function answerOf(tree: ReadonlyMap<string, Node>, node: Node): Answer {
  const branch = [...branchBefore(tree, node.id), node];
  const since = branch.findLastIndex(({ says }) => says?.role === 'user');
  const turn = branch.slice(since + 1);
  const said = turn.filter(isAnswer);
  return {
    ids: said.map(({ id }) => id),
    question: branch[since]?.id ?? null,
    message: node.message,
    messages: merged(branch.slice(0, since + 1)),
    text: textsOf(said),
    thoughts: turn.flatMap(({ says }) => says?.thoughts || []).join('\n\n'),
    picture: branch.some(({ says }) => says?.picture),
  };
}

/** The branch as messages, an answer of several messages as one. */
function merged(branch: readonly Node[]): WireMessage[] {
  const messages: { role: string; nodes: Node[] }[] = [];
  for (const node of branch) {
    const { says } = node;
    if (!says || says.text.trim() === '') continue;
    const last = messages.at(-1);
    if (says.role === 'assistant' && last?.role === 'assistant') last.nodes.push(node);
    else messages.push({ role: says.role, nodes: [node] });
  }
  return messages.map(({ role, nodes }) => ({ role, content: textsOf(nodes) }));
}

function textsOf(nodes: readonly Node[]): string {
  return nodes.map(({ says }) => says?.text ?? '').join('\n\n');
}

function nodeOf(id: string, { parent, message }: JsonObject): Node {
  const body = objectIn(message);
  return { id, parent: textIn(parent) ?? null, says: saysOf(body), message: body };
}

/** What a message says to the other side. What is hidden, a system note, or said to or by a tool is nothing. */
function saysOf({ author, content, metadata, recipient }: JsonObject): Says | null {
  const { role } = objectIn(author);
  if (role !== 'user' && role !== 'assistant') return null;
  const { is_visually_hidden_from_conversation: hidden, is_user_system_message: system } = objectIn(metadata);
  if (hidden === true || system === true) return null;
  const { content_type: type, parts, text, thoughts } = objectIn(content);
  const says: Says = { role, text: '', thoughts: '', picture: false };
  if (type === 'thoughts')
    return {
      ...says,
      thoughts: listIn(thoughts)
        .flatMap((one) => textIn(objectIn(one).content) ?? [])
        .join('\n\n'),
    };
  if (typeof recipient === 'string' && recipient !== 'all') return null;
  if (type === 'code') return { ...says, text: textIn(text) ?? '' };
  if (type !== 'text' && type !== 'multimodal_text') return null;
  // What was spoken is there as text too.
  const said = listIn(parts).map((part) => (typeof part === 'string' ? part : (textIn(objectIn(part).text) ?? '')));
  return { ...says, text: said.join(''), picture: listIn(parts).some(isPicture) };
}

function isPicture(part: unknown): boolean {
  return isObject(part) && part.content_type === 'image_asset_pointer';
}
