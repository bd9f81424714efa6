/** A row of a dataset as the API gives it. */
export interface RowTokens {
  split: string;
  row: string;
  base: string;
  weight: number;
  max_seq_length: number | null;
  kept: number;
  learned: number;
  broken_turns: number;
  fault: string | null;
  tokens: { id: number; piece: string; learned: boolean }[];
}

type Kind = 'context' | 'learned' | 'cut';

const colours: Record<Kind, string> = { context: '2', learned: '1;32', cut: '9;31' };
const marks: Record<Kind, readonly [string, string]> = { context: ['', ''], learned: ['⟦', '⟧'], cut: ['⟪', '⟫'] };

/** What a terminal would act on, and what turns the direction of the text around. */
// oxlint-disable-next-line no-control-regex
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/gu;

/** The row as text: learned tokens green on a terminal, in ⟦ ⟧ elsewhere; what training cuts off is struck out, or in ⟪ ⟫. */
export function tokensText(found: RowTokens, colour: boolean): string {
  const lines = [figures(found), runsText(found, colour)];
  if (found.broken_turns > 0)
    lines.push(`${found.broken_turns} answers are not learned: the chat template rewrites them later in the chat.`);
  if (found.fault !== null) lines.push(`refused: ${inLine(found.fault)}`);
  return lines.join('\n\n');
}

function figures({ split, row, base, weight, tokens, learned, kept, max_seq_length }: RowTokens): string {
  const cut = kept < tokens.length ? `, cut to ${kept} by max_seq_length ${max_seq_length}` : '';
  return `${inLine(row)}  ${split}  ${inLine(base)}  ${tokens.length} tokens${cut}, ${learned} learned, weight ${weight}`;
}

function runsText({ tokens, kept }: RowTokens, colour: boolean): string {
  const runs: { kind: Kind; text: string }[] = [];
  for (const [at, { piece, learned }] of tokens.entries()) {
    const kind = at >= kept ? 'cut' : learned ? 'learned' : 'context';
    const last = runs.at(-1);
    if (last?.kind === kind) last.text += piece;
    else runs.push({ kind, text: piece });
  }
  return runs.map(({ kind, text }) => marked(kind, text, colour)).join('');
}

function marked(kind: Kind, text: string, colour: boolean): string {
  const [before, after] = colour ? [`\u001b[${colours[kind]}m`, '\u001b[0m'] : marks[kind];
  return before + visible(text) + after;
}

/** Line feeds are shown and made; every other character that could steer the terminal is only shown. */
function visible(text: string): string {
  return text.replace(unsafe, (character) => (character === '\n' ? '⏎\n' : escaped(character)));
}

function inLine(text: string): string {
  return text.replace(unsafe, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
