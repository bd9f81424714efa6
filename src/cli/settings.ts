import type { Command } from 'commander';
import { type ExplainedVariable, explainVariables, loadConfig } from '../config.ts';
import { type Price, type Settings, providerInForce } from '../core/settings.ts';
import { createPrices } from '../gateway/price.ts';
import { readProviderKeys } from '../providers/keys.ts';
import { providersOf } from '../providers/instances.ts';
import type { Provider } from '../providers/types.ts';
import { createSettings } from '../settings.ts';

interface SettingLine {
  path: string;
  value: unknown;
  source: string;
}

/** `ratchet settings`: what is in force, and where it comes from. */
export function registerSettings(program: Command): void {
  program
    .command('settings')
    .description('every setting that is in force, and where it comes from')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => {
      const config = loadConfig();
      const quiet = { info: () => {}, warn: () => {} };
      const settings = createSettings({ file: config.settingsFile, log: quiet }).current();
      const found = {
        file: config.settingsFile,
        settings: settingLines(settings, providersOf({ config, settings })),
        keys: keyLines(config.providerKeysFile),
        environment: explainVariables(config),
      };
      console.log(options.json ? JSON.stringify(found, null, 2) : describe(found));
    });
}

/** What `ratchet.json` and the defaults come to. */
export function settingLines(
  settings: Settings,
  providers: readonly Pick<Provider, 'name' | 'locality'>[],
): SettingLine[] {
  const own = new Map(providers.map(({ name, locality }) => [name, locality]));
  const names = new Set([...own.keys(), ...settings.providers.keys()]);
  return [
    ...[...names].flatMap((name) => providerLines(settings, name, own.get(name) ?? 'remote')),
    ...[...settings.routes].flatMap(([name, route]) =>
      Object.entries(route).map(([field, value]) => {
        const isDefault = (field === 'egress' && value === 'deny') || (field === 'fallback' && value.length === 0);
        return { path: `routes.${name}.${field}`, value, source: isDefault ? 'default' : 'file' };
      }),
    ),
    {
      path: 'retention.days',
      value: settings.retention.days,
      source: settings.retention.days === null ? 'default' : 'file',
    },
    ...createPrices({ settings: () => settings, log: { warn: () => {} } })
      .list()
      .map(({ key, price, source }) => ({
        path: `prices.${key}`,
        value: priceValue(price),
        source: source === 'settings' ? 'file' : 'default',
      })),
  ];
}

function providerLines(settings: Settings, name: string, locality: Provider['locality']): SettingLine[] {
  const given = settings.providers.get(name) ?? {};
  const inForce = providerInForce(settings, name, locality);
  return Object.entries(inForce).map(([field, value]) => ({
    path: `providers.${name}.${field}`,
    value,
    source: Object.hasOwn(given, field) ? 'file' : 'default',
  }));
}

function priceValue({ input, output, cachedInput }: Price): object {
  return { input, output, ...(cachedInput !== undefined && { cached_input: cachedInput }) };
}

/** Whose key is kept; never the key. */
function keyLines(file: string): SettingLine[] {
  return [...readProviderKeys(file).keys()].map((name) => ({ path: name, value: '(set)', source: file }));
}

interface Found {
  file: string;
  settings: SettingLine[];
  keys: SettingLine[];
  environment: ExplainedVariable[];
}

function describe({ file, settings, keys, environment }: Found): string {
  const rows = [
    ...settings.map(({ path, value, source }) => [path, said(value), source === 'file' ? file : source]),
    ...keys.map(({ path, value, source }) => [`provider-key ${path}`, said(value), source]),
    ...environment.map(({ name, value, source }) => [name, value ?? '-', source]),
  ];
  const width = (at: number): number => Math.max(...rows.map((row) => row[at]?.length ?? 0));
  const [first, second] = [width(0), Math.min(width(1), 60)];
  return rows.map(([a = '', b = '', c = '']) => `${a.padEnd(first)}  ${b.padEnd(second)}  ${c}`).join('\n');
}

function said(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
