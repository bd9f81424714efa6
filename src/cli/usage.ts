import type { Command } from 'commander';
import { connectApi } from './connection.ts';

interface Sums {
  requests: number;
  failures: number;
  prompt_tokens: number;
  completion_tokens: number;
  cost_usd: number;
}

interface UsageView {
  from: string;
  to: string;
  by: string[];
  items: (Sums & Record<string, string | number>)[];
  total: Sums;
}

interface Options {
  by: string;
  from?: string;
  to?: string;
  json?: boolean;
}

/** `ratchet usage`: what was asked, and what it cost. */
export function registerUsage(program: Command): void {
  program
    .command('usage')
    .description('calls, tokens and cost of the last 30 days')
    .option('--by <what>', 'some of day,model,key,team,provider,owner', 'day,model')
    .option('--from <day>', 'first day, as 2026-11-01')
    .option('--to <day>', 'last day')
    .option('--json', 'print JSON')
    .action(async ({ by, from, to, json }: Options) => {
      const query = new URLSearchParams({ by, ...(from !== undefined && { from }), ...(to !== undefined && { to }) });
      const usage = await connectApi().api.get<UsageView>(`/api/usage?${query.toString()}`);
      console.log(json ? JSON.stringify(usage, null, 2) : usageTable(usage));
    });
}

/** The sums as a table for people: labels to the left, numbers to the right, the total below. */
export function usageTable({ from, to, by, items, total }: UsageView): string {
  if (items.length === 0) return `Nothing was asked from ${from} to ${to}.`;
  const head = [...by, 'requests', 'failed', 'tokens in', 'tokens out', 'US$'];
  const lines = items.map((item) => [...by.map((name) => labelOf(item, name)), ...numbers(item)]);
  const sum = [...by.map((_, index) => (index === 0 ? 'total' : '')), ...numbers(total)];
  const widths = head.map((name, column) =>
    Math.max(...[head, ...lines, sum].map((cells) => (cells[column] ?? name).length)),
  );
  const show = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        column < by.length ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [show(head), rule, ...lines.map(show), rule, show(sum)].join('\n');
}

function labelOf(item: UsageView['items'][number], name: string): string {
  const value = name === 'key' ? item['key_name'] || item['key'] : item[name];
  return String(value || '-');
}

function numbers(sums: Sums): string[] {
  const whole = [sums.requests, sums.failures, sums.prompt_tokens, sums.completion_tokens];
  return [...whole.map((value) => value.toLocaleString('en-US')), dollars(sums.cost_usd)];
}

/** Cents where that is enough, more digits where a sum would look like nothing. */
function dollars(value: number): string {
  const digits = value !== 0 && value < 1 ? 6 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
