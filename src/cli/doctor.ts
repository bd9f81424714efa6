import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { diagnose, type Diagnosis, type PartReport } from '../setup/doctor.ts';
import type { Check } from '../setup/checks.ts';
import { purposeOption } from './setup.ts';

/** `ratchet doctor`: what is there, what is missing, and the one command that puts each right. Exit 1 when a needed part is missing. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('show every part that Ratchet needs, and how to get what is missing')
    .addOption(purposeOption())
    .option('--json', 'print one JSON object')
    .action(async (options: { for: 'run' | 'test'; json?: boolean }) => {
      const diagnosis = await diagnose(loadConfig(), options.for);
      console.log(options.json ? JSON.stringify(diagnosis, null, 2) : describe(diagnosis));
      process.exitCode = diagnosis.ok ? 0 : 1;
    });
}

function describe({ ok, parts, checks }: Diagnosis): string {
  const last = ok
    ? 'Everything that is needed is there.'
    : 'Something that is needed is missing: run the commands above.';
  return [...parts.map(describePart), ...checks.map(describeCheck), last].flat().join('\n');
}

function describePart({ title, state, needed, version, source, path, reason, fix }: PartReport): string[] {
  const word = state === 'missing' && !needed ? 'absent' : state;
  const what = version === null ? '' : ` ${version} (${source}) ${path}`;
  return lines(word, `${title}${what}${reason === null ? '' : `: ${reason}`}`, needed ? fix : null);
}

function describeCheck({ state, message, fix }: Check): string[] {
  return lines(state, message, fix);
}

function lines(word: string, text: string, fix: string | null): string[] {
  const first = `${word.padEnd(8)} ${text}`;
  return fix === null ? [first] : [first, `${' '.repeat(9)}→ ${fix}`];
}
