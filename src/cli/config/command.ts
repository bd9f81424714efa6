import type { Command } from 'commander';
import { RatchetError } from '../../core/errors.ts';
import { nearestNames } from '../../core/nearest.ts';
import { faultsError } from '../../core/setting-fault.ts';
import { describeFaults, describeLines, told } from './describe.ts';
import { type Known, readAllKnown } from './known.ts';
import { settingLines } from './lines.ts';
import { modelLines } from './model-lines.ts';

/** `ratchet config`: what is in force, where it comes from, and what is wrong with it. */
export function registerConfig(program: Command): void {
  const command = program
    .command('config')
    .alias('settings')
    .description('every setting that is in force, and where it comes from; exit code 1 when one is bad')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => showAll(await readAllKnown(), options.json === true));
  command
    .command('get <path>')
    .description('one setting, such as retention.days, or all below a path, such as providers.openai')
    .option('--json', 'print JSON')
    .action(async (path: string, options: unknown, self: Command) =>
      showOne(await readAllKnown(), path, wantsJson(self)),
    );
  command
    .command('model <name>')
    .description('what a call to one model would get, such as ollama/qwen2.5:0.5b, active, or a name of yours')
    .option('--json', 'print JSON')
    .action(async (name: string, options: unknown, self: Command) =>
      showModel(await readAllKnown(), name, wantsJson(self)),
    );
}

/** The option may stand before or after the subcommand. */
function wantsJson(command: Command): boolean {
  return command.optsWithGlobals<{ json?: boolean }>().json === true;
}

function showAll(known: Known, json: boolean): void {
  const { faults, config } = known;
  const lines = settingLines(known);
  if (json) print({ file: config.settingsFile, settings: lines, faults });
  else console.log([describeLines(lines), describeFaults(faults)].filter((text) => text !== '').join('\n\n'));
  if (faults.some(({ level }) => level === 'fault')) process.exitCode = 1;
}

function showOne(known: Known, path: string, json: boolean): void {
  const lines = settingLines(known);
  const below = lines.filter((line) => line.path === path || line.path.startsWith(`${path}.`));
  const [first] = below;
  if (!first) {
    const nearest = nearestNames(
      path,
      lines.map((line) => line.path),
    );
    const hint = nearest.length > 0 ? `the nearest are ${nearest.join(', ')}` : '"ratchet config" lists them';
    throw new RatchetError('NotFound', `There is no setting ${path}: ${hint}.`);
  }
  const isOne = below.length === 1 && first.path === path;
  if (json) print(isOne ? first : below);
  else console.log(isOne ? told(first.value) : describeLines(below));
}

function showModel(known: Known, name: string, json: boolean): void {
  const faults = known.faults.filter(({ level }) => level === 'fault');
  const lines = modelLines(known, name);
  if (json) print(lines);
  else console.log(describeLines(lines));
  if (faults.length > 0) throw faultsError(faults);
}

function print(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
