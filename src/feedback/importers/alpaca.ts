import { type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import type { WireMessage } from '../../core/message.ts';
import { jsonRows } from './rows.ts';
import { answeredItem, preferenceItems, taughtItems } from './training.ts';
import type { ImportItem, Importer } from './types.ts';

/** Alpaca's `{"instruction", "input", "output", "system", "history": [[question, answer]]}`. */
export const alpaca: Importer = {
  format: 'alpaca',
  title: 'Alpaca',
  description: 'training files of {"instruction", "input", "output", "system", "history"}; answers count as approved',
  recognises: ({ first }) => first !== null && isAlpacaRow(first),
  read: (source) => jsonRows(source, (row, at) => alpacaItems(row, at, 'alpaca')),
};

/** Whether a row is an instruction with an answer, or with two of them. */
export function isAlpacaRow(row: JsonObject): boolean {
  return typeof row.instruction === 'string' && ('output' in row || ('chosen' in row && 'rejected' in row));
}

/** A row, which may also be a preference (`chosen`, `rejected`) or have a label (`kto_tag`). InvalidInput with the fault. */
export function alpacaItems(row: JsonObject, at: string, format: string): ImportItem[] {
  const { instruction, input, output, system, history, chosen, rejected, kto_tag: label, model } = row;
  const question = [textIn(instruction, 'instruction'), textIn(input, 'input')]
    .filter((text) => text !== '')
    .join('\n');
  const instructions = textIn(system, 'system');
  const messages: WireMessage[] = [
    ...(instructions === '' ? [] : [{ role: 'system', content: instructions }]),
    ...turnsIn(history),
  ];
  if (question !== '') messages.push({ role: 'user', content: question });
  const training = { at, format, model };
  if (question === '')
    return [{ kind: 'left-out', at, reason: 'no messages', detail: '"instruction" and "input" are empty.' }];
  if (chosen !== undefined && rejected !== undefined) {
    return preferenceItems(training, messages, [answerOf(chosen, 'chosen'), answerOf(rejected, 'rejected')]);
  }
  const answer = answerOf(output, 'output');
  if (label === false) return [answeredItem(training, messages, answer, { rating: -1 })];
  return taughtItems(training, [...messages, answer], { rating: 1 });
}

function answerOf(value: unknown, name: string): WireMessage {
  return { role: 'assistant', content: textIn(value, name) };
}

function turnsIn(history: unknown): WireMessage[] {
  if (history === undefined || history === null) return [];
  if (!Array.isArray(history)) throw fault('"history" must be a list of questions with their answers');
  return history.flatMap((turn, at) => {
    const [question, answer] = Array.isArray(turn) ? turn : isObject(turn) ? [turn.instruction, turn.output] : [];
    return [
      { role: 'user', content: textIn(question, `history[${at}][0]`) },
      { role: 'assistant', content: textIn(answer, `history[${at}][1]`) },
    ];
  });
}

/** Empty fields are null in some files, and left out in others. */
function textIn(value: unknown, name: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw fault(`"${name}" must be a text`);
  return value.trim() === '' ? '' : value;
}

function fault(what: string): RatchetError {
  return new RatchetError('InvalidInput', `${what}.`);
}
