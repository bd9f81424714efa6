import { hash } from 'node:crypto';
import type { Json } from '../core/canonical.ts';
import { canonicalJson } from '../core/canonical.ts';
import { type WireMessage, textOf } from '../core/message.ts';
import { gramName } from './rows/gram-index.ts';
import { type WordsOf, wordHashes } from './near/words.ts';

/** A text as duplicates are compared: Unicode NFC, every run of white space one space, none at the ends. */
export function normaliseText(text: string): string {
  if (isNormal(text)) return text.trim();
  // Single spaces stay as they are: most are, and each that is replaced costs time.
  return text
    .normalize('NFC')
    .replace(/[^\S ]\s*| \s+/gu, ' ')
    .trim();
}

const printable = /^[ -~]*$/u;

/** Whether it is of printable ASCII, with no two spaces in a row: then only its ends are to be looked at. */
function isNormal(text: string): boolean {
  return printable.test(text) && !text.includes('  ');
}

/** Names a prompt: equal for prompts that differ only in white space and Unicode form. */
export function promptKey(messages: readonly WireMessage[], tools: readonly Json[] | undefined): string {
  let text = tools && tools.length > 0 ? canonicalJson(tools) : '';
  for (const message of messages) text += comparable(message);
  return nameOf(text);
}

/** Names an answer in the same way. */
export function answerKey(message: WireMessage): string {
  return nameOf(comparable(message));
}

/** Names what words and calls an answer has, in 53 bits: equal for answers that differ only in case, punctuation and layout. */
export function bareKey(message: WireMessage, wordsOf: WordsOf = wordHashes): number {
  const words = wordsOf(textOf(message.content));
  const rest = words.length === 0 ? answerKey(message) : canonicalJson(message.tool_calls ?? null);
  return gramName(rest === 'null' ? words : Uint32Array.of(...words, ...wordHashes(rest)));
}

/** 128 bits of SHAKE128, as latin1: a string of its own, since a part of a longer one would keep that alive. */
function nameOf(text: string): string {
  return hash('shake128', text, { outputEncoding: 'binary', outputLength: 16 });
}

/** What counts of a message, each part behind its length so that parts cannot run into each other. */
function comparable({ role, content, name, tool_call_id: answers, tool_calls: calls }: WireMessage): string {
  const text = normaliseText(textOf(content));
  const rest = [name, answers, calls].map((value) =>
    value === undefined || value === null ? '' : canonicalJson(value),
  );
  return `\n${role.length} ${text.length} ${rest.map(({ length }) => length).join(' ')}\n${role}${text}${rest.join('')}`;
}
