import { loadConfig } from '../../config.ts';
import { RatchetError } from '../../core/errors.ts';
import { nearestNames } from '../../core/nearest.ts';
import { readCatalogue } from '../../models/catalogue.ts';
import { libraryRef } from '../../providers/names.ts';
import type { ApiClient } from '../api-client.ts';
import { connectApi } from '../connection.ts';
import { openTerminal } from '../terminal.ts';

/** One line of the menu. */
export interface Choice {
  name: string;
  /** All names that it goes by. */
  names: readonly string[];
  ref: string;
  gone: boolean;
}

interface Ledger {
  selected: string | null;
}

/** `ratchet models select`: makes a model of the catalogue the active one, through the ledger of promotions. */
export async function selectModel(name: string | undefined, options: { url?: string; json?: boolean }): Promise<void> {
  const { api } = connectApi(options.url);
  const choices = await choicesOf(api);
  const { selected } = await api.get<Ledger>('/api/promotions?limit=1');
  const ref = name === undefined ? await choose(choices, selected) : chosenRef(choices, name);
  const line = await api.post<{ model: string; kind: string }>('/api/promotions', { model: ref });
  if (options.json) console.log(JSON.stringify({ model: line.model, before: selected }, null, 2));
  else console.log(`${line.model} is active now${selected === line.model ? ', as before' : ''}.`);
}

/** The catalogue, or without one everything that providers list. */
async function choicesOf(api: ApiClient): Promise<Choice[]> {
  const items = readCatalogue(loadConfig().catalogueFile)?.items ?? [];
  if (items.length > 0) {
    return items.map(({ entry: { name, names, ref, goneSince } }) => ({ name, names, ref, gone: goneSince !== null }));
  }
  const { data } = await api.get<{ data: { id: string; owned_by: string }[] }>('/v1/models');
  const refs = data.filter(({ owned_by }) => owned_by !== 'ratchet').map(({ id }) => id);
  return refs.map((ref) => ({ name: ref, names: [ref, ref.slice(ref.indexOf('/') + 1)], ref, gone: false }));
}

/** The ref that a name means: of the catalogue, a model ref, or a bare name as LiteLLM knows it. */
export function chosenRef(choices: readonly Choice[], name: string): string {
  const lower = name.toLowerCase();
  const found =
    choices.find(({ names, ref }) => names.includes(name) || ref === name) ??
    choices.find(({ names }) => names.some((one) => one.toLowerCase() === lower));
  if (found) return found.ref;
  if (name.includes('/') || /^(?:gpt-|chatgpt-|claude-|o\d)/.test(name)) return libraryRef(name);
  const nearest = nearestNames(
    name,
    choices.map((choice) => choice.name),
  );
  const hint = nearest.length > 0 ? `the nearest are ${nearest.join(', ')}` : 'write it as "provider/model"';
  throw new RatchetError('NotFound', `There is no model "${name}" in the catalogue: ${hint}.`);
}

/** The menu as text: what is selected has a star. */
export function menuText(choices: readonly Choice[], selected: string | null): string {
  const width = String(choices.length).length;
  return choices
    .map(({ name, ref, gone }, at) => {
      const more = [...(ref === name ? [] : [ref]), ...(gone ? ['gone'] : [])];
      const told = more.length === 0 ? '' : `  (${more.join(', ')})`;
      return `${ref === selected ? '*' : ' '} ${String(at + 1).padStart(width)}  ${name}${told}\n`;
    })
    .join('');
}

/** What a person typed at the menu: a number, or a name. Null for something that is neither. */
export function picked(choices: readonly Choice[], typed: string): string | null {
  const text = typed.trim();
  if (/^\d+$/.test(text)) return choices[Number(text) - 1]?.ref ?? null;
  try {
    return text === '' ? null : chosenRef(choices, text);
  } catch {
    return null;
  }
}

async function choose(choices: readonly Choice[], selected: string | null): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new RatchetError('InvalidInput', 'Name the model to select: there is no terminal for the menu.');
  }
  if (choices.length === 0) {
    throw new RatchetError('NotFound', 'No provider lists a model: pull one with "ratchet models pull".');
  }
  const terminal = openTerminal(process.stdin, process.stdout);
  try {
    terminal.write(menuText(choices, selected));
    for (;;) {
      const typed = await terminal.ask('Number or name (nothing leaves it as it is): ');
      if (typed === null || typed.trim() === '') throw new RatchetError('Cancelled', 'Nothing was changed.');
      const ref = picked(choices, typed);
      if (ref !== null) return ref;
      terminal.write(`Type a number from 1 to ${choices.length}, or a name.\n`);
    }
  } finally {
    terminal.close();
  }
}
