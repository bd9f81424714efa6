import type { Command } from 'commander';
import { connectApi } from './connection.ts';

interface PriceTable {
  items: { name: string; input: number; output: number; cached_input: number | null; source: string }[];
  unpriced: { model: string; calls: number }[];
}

/** `ratchet prices`: what tokens cost. */
export function registerPrices(program: Command): void {
  program
    .command('prices')
    .description('what a million tokens cost in US dollars; edit "prices" in ratchet.json')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const table = await connectApi().api.get<PriceTable>('/api/prices');
      console.log(options.json ? JSON.stringify(table, null, 2) : describe(table));
    });
}

function describe({ items, unpriced }: PriceTable): string {
  const width = Math.max(...items.map(({ name }) => name.length), 5);
  const row = (name: string, input: string, output: string, cached: string, source: string) =>
    `${name.padEnd(width)}  ${input.padStart(8)}  ${output.padStart(8)}  ${cached.padStart(8)}  ${source}`;
  return [
    row('model', 'in', 'out', 'cached', 'from'),
    ...items.map(({ name, input, output, cached_input, source }) =>
      row(name, String(input), String(output), cached_input === null ? '' : String(cached_input), source),
    ),
    'Local models cost nothing, unless a line names their provider.',
    ...unpriced.map(
      ({ model, calls }) => `${model} has no price: the cost of ${calls} ${calls === 1 ? 'call' : 'calls'} is unknown.`,
    ),
  ].join('\n');
}
