import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { type Config, loadConfig } from '../config.ts';
import { RatchetError } from '../core/errors.ts';
import { nearestNames } from '../core/nearest.ts';
import { readProviderKeys, writeProviderKey } from '../providers/keys.ts';
import { planProviders } from '../providers/instances.ts';
import { kinds } from '../providers/kinds/all.ts';
import { loadOwnProviders } from '../providers/own.ts';
import { createSettings } from '../settings.ts';

/** `ratchet provider-key`: keys of providers, in a file that only its owner can read. */
export function registerProviderKey(program: Command): void {
  const command = program.command('provider-key').description('keys of providers, kept in a file for you alone');
  command
    .command('set <provider>')
    .description('keep the key that standard input brings, such as: ratchet provider-key set openai < key.txt')
    .action(async (provider: string) => {
      const config = loadConfig();
      await assertProvider(config, provider);
      await writeProviderKey(config.providerKeysFile, provider, await readKey());
      console.log(`The key of ${provider} is kept in ${config.providerKeysFile}.`);
    });
  command
    .command('remove <provider>')
    .description('forget a key')
    .action(async (provider: string) => {
      const { providerKeysFile } = loadConfig();
      if (!readProviderKeys(providerKeysFile).has(provider)) {
        throw new RatchetError(
          'NotFound',
          `No key of ${provider} is kept: "ratchet provider-key list" shows which are.`,
        );
      }
      await writeProviderKey(providerKeysFile, provider, null);
      console.log(`The key of ${provider} is forgotten.`);
    });
  command
    .command('list')
    .description('providers whose key is kept')
    .action(() => {
      for (const provider of readProviderKeys(loadConfig().providerKeysFile).keys()) console.log(provider);
    });
}

/** A key is never an argument: those stand in the list of processes and in the shell's history. */
function readKey(): Promise<string> {
  if (!process.stdin.isTTY) return text(process.stdin);
  process.stderr.write('Paste the key and press Enter; it is not shown: ');
  return readHidden(process.stdin);
}

/** Reads a line without showing it. */
function readHidden(input: NodeJS.ReadStream): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let typed = '';
  const done = (settle: () => void): void => {
    input.setRawMode(false).pause().off('data', take);
    process.stderr.write('\n');
    settle();
  };
  const take = (piece: string): void => {
    for (const letter of piece) {
      if (letter === '\r' || letter === '\n') return done(() => resolve(typed));
      if (letter === '\u0003') return done(() => reject(new RatchetError('Cancelled', 'No key was kept.')));
      typed = letter === '\u007f' ? typed.slice(0, -1) : typed + letter;
    }
  };
  input.setRawMode(true).setEncoding('utf8').on('data', take).resume();
  return promise;
}

/** Those of the settings and of the user's own files count as well. */
async function assertProvider(config: Config, name: string): Promise<void> {
  const own = await loadOwnProviders(config.providersDir);
  const quiet = { info: () => {}, warn: () => {} };
  const settings = createSettings({ file: config.settingsFile, log: quiet }).current();
  const definitions = [...kinds, ...own.definitions];
  const known = planProviders(settings, definitions).map((planned) => planned.name);
  if (known.includes(name)) return;
  const [nearest] = nearestNames(name, known, 1);
  const hint = nearest === undefined ? `use one of ${known.join(', ')}` : `the nearest is "${nearest}"`;
  throw new RatchetError('NotFound', `There is no provider "${name}": ${hint}.`);
}
