import { RatchetError } from '../../core/errors.ts';

/** One instruction of a Modelfile. */
export interface Instruction {
  name: InstructionName;
  /** Of a parameter or a message, what stands before its value; else empty. */
  key: string;
  value: string;
  /** Where it begins, from 1. */
  line: number;
}

const names = [
  'from',
  'adapter',
  'parameter',
  'template',
  'system',
  'license',
  'message',
  'renderer',
  'parser',
  'requires',
] as const;
type InstructionName = (typeof names)[number];

/** Largest Modelfile, in characters. */
export const modelfileLimit = 1_000_000;
const mostInstructions = 10_000;

/**
 * Reads a Modelfile as Ollama does: one instruction a line, `#` for comments, values in `"…"` or `"""…"""` over as many
 * lines as they need. InvalidInput names the line.
 */
export function parseModelfile(text: string): Instruction[] {
  if (text.length > modelfileLimit) {
    throw new RatchetError('InvalidInput', `The Modelfile is longer than ${modelfileLimit} characters: shorten it.`);
  }
  const reader = createReader(text.replace(/^\uFEFF/, ''));
  const found: Instruction[] = [];
  for (let at = reader.next(); at !== null; at = reader.next()) {
    found.push(at);
    if (found.length > mostInstructions) throw fault(at.line, `there are more than ${mostInstructions} instructions`);
  }
  if (found.some(({ name }) => name === 'from')) return found;
  throw new RatchetError(
    'InvalidInput',
    'The Modelfile has no FROM line: say in it which model or file it is made of.',
  );
}

function createReader(text: string): { next(): Instruction | null } {
  const lines = text.split(/\r\n|\r|\n/);
  let at = 0;

  /** A value in quotes goes on until they are closed. */
  function valueFrom(rest: string, line: number): string {
    const quote = /^("""|")/.exec(rest)?.[1];
    if (quote === undefined) return rest;
    const parts = [rest.slice(quote.length)];
    for (;;) {
      const last = parts.at(-1)?.trimEnd() ?? '';
      if (last.endsWith(quote)) {
        parts[parts.length - 1] = last.slice(0, last.length - quote.length);
        return parts.join('\n');
      }
      const more = lines[at++];
      if (more === undefined) throw fault(line, 'the quotes are not closed');
      parts.push(more);
    }
  }

  return {
    next() {
      for (;;) {
        const text = lines[at++];
        if (text === undefined) return null;
        if (/^\s*(#|$)/.test(text)) continue;
        return instructionIn(text.trim(), at, valueFrom);
      }
    },
  };
}

function instructionIn(text: string, line: number, valueFrom: (rest: string, line: number) => string): Instruction {
  const [, word = text, rest = ''] = /^(\S+)\s+([^]*)$/.exec(text) ?? [];
  const name = names.find((one) => one === word.toLowerCase());
  if (!name) throw fault(line, `"${word.slice(0, 50)}" is none of ${names.map((one) => one.toUpperCase()).join(', ')}`);
  const [, key = '', after = ''] =
    name === 'parameter' || name === 'message' ? (/^(\S+)\s*([^]*)$/.exec(rest) ?? []) : [];
  if (name === 'message' && !['system', 'user', 'assistant'].includes(key)) {
    throw fault(line, 'a message begins with system, user or assistant');
  }
  const value = valueFrom(name === 'parameter' || name === 'message' ? after : rest, line);
  if (value === '' && !['system', 'template', 'message'].includes(name)) throw fault(line, `${word} has no value`);
  return { name, key, value, line };
}

function fault(line: number, what: string): RatchetError {
  return new RatchetError('InvalidInput', `Correct line ${line} of the Modelfile: ${what}.`, { details: { line } });
}
