// One claim, measured: `npm run bench -- NAME`, or `npm run soak -- NAME`. Without a name it lists them. With --json the last
// line is `{"claims":[…],"machine":{…}}`. A claim that does not hold is said plainly, and is no failure of the run.
import { parseArgs } from 'node:util';
import { loadConfig } from '../src/config.ts';
import { ensureParts } from '../src/setup/ensure.ts';
import { describeMachine } from './machine.ts';
import { benches } from './registry.ts';
import { describeBenches, describeResult, jsonLine } from './report.ts';
import { openPartial, writeResult } from './results.ts';
import type { Bench, Result } from './types.ts';

interface Options {
  fresh: boolean;
  count: number | null;
}

/** Measures one claim and keeps the result. */
async function measure(bench: Bench, { fresh, count }: Options): Promise<Result> {
  const tell = (line: string) => console.error(line);
  const machine = describeMachine();
  const found = await ensureParts(bench.parts, { config: loadConfig(), onProgress: tell });
  const paths = Object.fromEntries(Object.entries(found).map(([name, { path }]) => [name, path]));
  const partial = openPartial(bench.file ?? bench.name);
  if (fresh || (bench.kind === 'bench' && !bench.resumes)) partial.clear();
  const wanted = count ?? bench.count;
  const outcome = await bench.run({ paths, count: wanted, tell, partial });
  const result: Result = { name: bench.name, kind: bench.kind, count: wanted, machine, ...outcome };
  tell(`Kept in ${writeResult(result, bench.file)}`);
  partial.clear();
  return result;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      soak: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      count: { type: 'string' },
    },
  });
  const kind = values.soak ? 'soak' : 'bench';
  const [name] = positionals;
  if (name === undefined) {
    for (const line of describeBenches(benches, kind)) console.log(line);
    return 0;
  }
  const bench = benches.find((one) => one.kind === kind && one.name === name);
  const count = values.count === undefined ? null : Number(values.count);
  if (!bench || (count !== null && !(Number.isInteger(count) && count > 0))) {
    console.error(
      bench
        ? '--count takes a whole number above 0.'
        : `There is no ${kind} ${name}: run it without a name for a list.`,
    );
    return 64;
  }
  const result = await measure(bench, { fresh: values.fresh, count });
  for (const line of describeResult(result)) (values.json ? console.error : console.log)(line);
  if (values.json) console.log(jsonLine(result));
  return 0;
}

process.exitCode = await main();
