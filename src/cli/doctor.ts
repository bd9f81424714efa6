import type { Command } from 'commander';
import { readConfig } from '../config.ts';
import { diagnose, type Diagnosis, type PartReport } from '../setup/doctor.ts';
import type { Check } from '../setup/check.ts';
import { checkSettingsAndProviders } from './doctor-checks.ts';
import { purposeOption } from './setup.ts';

/**
 * `ratchet doctor`: what is there, what is missing or wrong, and the one thing that puts each right. Exit 1 when something has
 * to be put right before Ratchet can work.
 */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at every part, setting and provider, and say how to put right what is wrong')
    .addOption(purposeOption())
    .option(
      '--deep',
      'read all that is kept as well: the database and every blob, which takes minutes where they are large',
    )
    .option('--json', 'print one JSON object')
    .action(async (options: { for: 'run' | 'test'; deep?: boolean; json?: boolean }) => {
      const { config, faults } = readConfig();
      const further = [checkSettingsAndProviders(config, faults)];
      if (options.deep) further.push((await import('./doctor-deep.ts')).checkKept(config, console.error));
      const checks = Promise.all(further).then((lists) => lists.flat());
      const diagnosis = await diagnose(config, options.for, checks);
      console.log(options.json ? JSON.stringify(diagnosis, null, 2) : describe(diagnosis));
      process.exitCode = diagnosis.ok ? 0 : 1;
    });
}

function describe({ ok, parts, checks }: Diagnosis): string {
  const last = ok
    ? 'Everything that is needed is there, and in order.'
    : 'Something is missing or wrong: do what stands beside the arrows.';
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
