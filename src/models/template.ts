import { RatchetError } from '../core/errors.ts';
import type { WireMessage } from '../core/message.ts';
import type { ChatTemplate } from './chat-template.ts';

/** What a chat template writes around the contents of messages, found by rendering marked messages. */
interface Turns {
  /** Before the first message of a chat that has no system message. */
  opening: string;
  user: Wrapping;
  assistant: Wrapping;
  /** `turn`: a message of its own; `folded`: in front of the first user's text. */
  system: ({ kind: 'turn' } & Wrapping) | { kind: 'folded'; separator: string };
  /** What makes the model answer. */
  generation: string;
}
interface Wrapping {
  before: string;
  after: string;
}

const system: WireMessage = { role: 'system', content: 'qxSYSTEMxq' };
const question: WireMessage = { role: 'user', content: 'qxFIRSTxq' };
const answer: WireMessage = { role: 'assistant', content: 'qxANSWERxq' };
const followUp: WireMessage = { role: 'user', content: 'qxSECONDxq' };

/**
 * An Ollama template (Go's text/template) that writes what a Jinja chat template writes for chats of system, user and
 * assistant messages. Works for templates that wrap every message by its role (ChatML and Qwen, Llama 3, Phi 3, Zephyr)
 * and for those that put the system text in front of the first question (Gemma, Llama 2, Mistral).
 *
 * InvalidInput for templates of another shape. The result is a proposal: compare what Ollama renders with
 * {@link sampleChats} before it is trusted. Tools are not written.
 */
export function toOllamaTemplate(template: ChatTemplate): string {
  return writeGo(findTurns(template));
}

/** The texts at which an answer ends: the end tokens, and the token that the template writes after an answer. */
export function stopsOf(template: ChatTemplate): string[] {
  const after = findTurns(template).assistant.after.trim();
  const closing = [...template.addedTokens].filter((text) => text !== '' && after.startsWith(text));
  return [...new Set([...template.endTokens, ...closing])];
}

/** Chats on which a rendering is compared; without those that the Jinja template itself refuses. */
export function sampleChats(template: ChatTemplate): WireMessage[][] {
  const chats: WireMessage[][] = [
    [{ role: 'user', content: 'What does "{{ .Prompt }}" mean?\n\n1 < 2 & 3 > 2' }],
    [
      { role: 'system', content: "You are terse.\nDon't guess." },
      { role: 'user', content: 'Grüße aus 東京 🙂' },
    ],
    [
      { role: 'user', content: 'One' },
      { role: 'assistant', content: 'Two\n\n- three' },
      { role: 'user', content: 'Four?' },
    ],
    [
      { role: 'system', content: 'S' },
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
      { role: 'user', content: 'c' },
      { role: 'assistant', content: 'd' },
      { role: 'user', content: 'e' },
    ],
  ];
  return chats.filter((chat) => attempt(() => template.render(chat, true)) !== null);
}

function findTurns(template: ChatTemplate): Turns {
  const first = template.render([question], false);
  const generation = after(template.render([question], true), first);
  const [start, turn, back, end] = cut(
    template.render([question, answer, followUp], false),
    question,
    answer,
    followUp,
  );
  const assistantAfter = cut(template.render([question, answer], false), question, answer)[2];
  const user: Wrapping = { before: after(back, assistantAfter), after: end };
  const assistant: Wrapping = { before: after(turn, end), after: assistantAfter };
  return { opening: before(start, user.before), user, assistant, system: findSystem(template, user), generation };
}

function findSystem(template: ChatTemplate, user: Wrapping): Turns['system'] {
  const text = attempt(() => template.render([system, question], false));
  if (text === null) return { kind: 'folded', separator: '\n\n' };
  const [start, between] = cut(text, system, question);
  if (user.before === '' || !between.endsWith(user.before)) {
    before(start, user.before);
    return { kind: 'folded', separator: between };
  }
  return { kind: 'turn', before: start, after: before(between, user.before) };
}

/** The pieces of a rendering around the contents of messages, in order. */
function cut(text: string, ...messages: WireMessage[]): [string, string, string, string] {
  const pieces: string[] = [];
  let rest = text;
  for (const { content } of messages) {
    const [piece, next, ...more] = rest.split(String(content));
    if (piece === undefined || next === undefined || more.length > 0) throw unknownShape();
    pieces.push(piece);
    rest = next;
  }
  return [...pieces, rest, '', '', ''].slice(0, 4) as [string, string, string, string];
}

function after(text: string, prefix: string): string {
  if (!text.startsWith(prefix)) throw unknownShape();
  return text.slice(prefix.length);
}

function before(text: string, suffix: string): string {
  if (!text.endsWith(suffix)) throw unknownShape();
  return text.slice(0, text.length - suffix.length);
}

function unknownShape(): RatchetError {
  return new RatchetError(
    'InvalidInput',
    'The chat template of this model has a shape that Ratchet cannot write for Ollama: use a base with another template.',
  );
}

function attempt(render: () => string): string | null {
  try {
    return render();
  } catch {
    return null;
  }
}

function writeGo({ opening, user, assistant, system: sys, generation }: Turns): string {
  const turn = (role: string, { before: head, after: tail }: Wrapping, inner = ''): string =>
    `eq .Role "${role}" }}${literal(head)}${inner}{{ .Content }}${literal(tail)}`;
  const isTurn = sys.kind === 'turn';
  const folded = isTurn ? '' : `{{ if $system }}{{ $system }}${literal(sys.separator)}{{ $system = "" }}{{ end }}`;
  const cases = [
    ...(isTurn ? [turn('system', sys)] : []),
    turn('user', user, folded),
    turn('assistant', assistant),
  ].map((text, index) => `{{ ${index === 0 ? 'if' : 'else if'} ${text}`);
  const unlessSystem = opening === '' ? '' : `{{ if not .System }}${literal(opening)}{{ end }}`;
  const start = isTurn ? unlessSystem : `${literal(opening)}{{ $system := .System }}`;
  return `${start}{{ range .Messages }}${cases.join('')}{{ end }}{{ end }}${literal(generation)}`;
}

/** Text that Go's template engine writes as it is. */
function literal(text: string): string {
  if (text === '') return '';
  return text.includes('{{') || text.includes('}}') ? `{{ ${JSON.stringify(text)} }}` : text;
}
