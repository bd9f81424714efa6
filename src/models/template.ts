import { RatchetError } from '../core/errors.ts';
import { type WireMessage, textOf } from '../core/message.ts';
import type { ChatTemplate } from './chat-template.ts';

/** What a chat template writes around the contents of messages, found by rendering marked messages. */
interface Turns {
  /** Before the first message of a chat that has no system message. */
  opening: string;
  user: Wrapping;
  assistant: Wrapping;
  /** `turn`: a message of its own; `folded`: in front of the first user's text; `ignored`: not written at all. */
  system: ({ kind: 'turn' } & Wrapping) | ({ kind: 'folded' } & Wrapping) | { kind: 'ignored' };
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

/**
 * What stands between two contents is the end of one turn and the beginning of the next. Where it is cut does not change
 * what is written, as turns alternate; rendering without a generation prompt shows the natural place.
 */
function findTurns(template: ChatTemplate): Turns {
  const [start, turn, back, end] = cut(template.render([question, answer, followUp], true), question, answer, followUp);
  const userAfter = endOfTurn(template, [question], [turn, end]);
  const assistantAfter = endOfTurn(template, [question, answer], [back]);
  const userBefore = commonEnd(after(back, assistantAfter), start);
  const opening = before(start, userBefore);
  return {
    opening,
    user: { before: userBefore, after: userAfter },
    assistant: { before: after(turn, userAfter), after: before(back, userBefore) },
    system: findSystem(template, opening, userBefore),
    generation: after(end, userAfter),
  };
}

/**
 * What the template writes after the last of some messages, as far as all the continuations begin with it: at the very end
 * of a chat some templates write an end token more.
 */
function endOfTurn(template: ChatTemplate, messages: WireMessage[], continuations: string[]): string {
  const text = attempt(() => template.render(messages, false)) ?? '';
  const end = text.split(textOf(messages.at(-1)?.content)).at(-1) ?? '';
  const shared = continuations.reduce(commonStart, end);
  return shared === end ? end : shared.replace(/[^\s>\]]*$/, '');
}

function findSystem(template: ChatTemplate, opening: string, userBefore: string): Turns['system'] {
  const text = attempt(() => template.render([system, question], true));
  if (text === null) return { kind: 'folded', before: '', after: '\n\n' };
  if (!text.includes(textOf(system.content))) return { kind: 'ignored' };
  const [start, between] = cut(text, system, question);
  if (userBefore !== '' && between.endsWith(userBefore)) {
    return { kind: 'turn', before: start, after: before(between, userBefore) };
  }
  return { kind: 'folded', before: after(start, opening + userBefore), after: between };
}

function commonStart(a: string, b: string): string {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a[length] === b[length]) length++;
  return a.slice(0, length);
}

function commonEnd(a: string, b: string): string {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a.at(-1 - length) === b.at(-1 - length)) length++;
  return a.slice(a.length - length);
}

/** The pieces of a rendering around the contents of messages, in order. */
function cut(text: string, ...messages: WireMessage[]): [string, string, string, string] {
  const pieces: string[] = [];
  let rest = text;
  for (const { content } of messages) {
    const [piece, next, ...more] = rest.split(textOf(content));
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
    `if eq .Role "${role}" }}${literal(head)}${inner}{{ .Content }}${literal(tail)}`;
  const cases = [turn('user', user, folding(sys)), turn('assistant', assistant)];
  if (sys.kind === 'turn') cases.unshift(turn('system', sys));
  const body = cases.map((text, index) => `{{ ${index === 0 ? '' : 'else '}${text}`).join('');
  return `${beginning(sys, literal(opening))}{{ range .Messages }}${body}{{ end }}{{ end }}${literal(generation)}`;
}

function beginning(sys: Turns['system'], opening: string): string {
  if (sys.kind === 'folded') return `{{ $system := .System }}${opening}`;
  if (sys.kind === 'ignored' || opening === '') return opening;
  return `{{ if not .System }}${opening}{{ end }}`;
}

function folding(sys: Turns['system']): string {
  if (sys.kind !== 'folded') return '';
  return `{{ if $system }}${literal(sys.before)}{{ $system }}${literal(sys.after)}{{ $system = "" }}{{ end }}`;
}

/** Text that Go's template engine writes as it is. */
function literal(text: string): string {
  if (text === '') return '';
  return text.includes('{{') || text.includes('}}') ? `{{ ${JSON.stringify(text)} }}` : text;
}
