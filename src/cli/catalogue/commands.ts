import { type Command, Option } from 'commander';
import { uses } from './advice.ts';
import { type AdviseOptions, adviseModels } from './advise.ts';
import { selectModel } from './select.ts';
import { type SyncOptions, syncModels } from './sync.ts';

/** `ratchet models sync|select|advise`: the catalogue of models, and which of them to use. */
export function registerCatalogue(program: Command): void {
  const models = program.commands.find((command) => command.name() === 'models') ?? program.command('models');
  // What stands after a command's name belongs to that command: "models" has a --json of its own.
  program.enablePositionalOptions();
  models.enablePositionalOptions();
  models
    .command('sync')
    .description('write what providers list into models_config.json; names, order and fields of yours stay')
    .option('--dry-run', 'only show what would change')
    .option('--provider <names...>', 'ask these alone')
    .option('--json', 'print JSON')
    .action((options: SyncOptions) => syncModels(options));
  models
    .command('select [name]')
    .description('make a model the active one; without a name there is a menu')
    .option('--url <url>', 'where the API is')
    .option('--json', 'print JSON')
    .action((name: string | undefined, options: { url?: string; json?: boolean }) => selectModel(name, options));
  models
    .command('advise')
    .description('which model to use, and why: by what is here, memory, context, price and measured speed')
    .addOption(new Option('--for <use>', 'what it is for').choices(uses).default('chat'))
    .option('--measure', 'ask models that have no measure yet; remote ones cost money')
    .option('--url <url>', 'where the API is')
    .option('--json', 'print JSON')
    .action((options: AdviseOptions) => adviseModels(options));
}
