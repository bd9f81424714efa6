import { readFileSync } from 'node:fs';
import { type Config, readConfig } from '../../config.ts';
import { isObject } from '../../core/canonical.ts';
import { parseJsonText } from '../../core/json-text.ts';
import type { SettingFault } from '../../core/setting-fault.ts';
import { type Settings, settingsWithout } from '../../core/settings.ts';
import { readCatalogue } from '../../models/catalogue.ts';
import type { CatalogueEntry } from '../../models/catalogue-entry.ts';
import { type SelectionFile, readSelectionNow } from '../../models/selection.ts';
import type { ProviderDefinition } from '../../providers/definition.ts';
import { readProviderKeys } from '../../providers/keys.ts';
import { kinds } from '../../providers/kinds/all.ts';
import { type OwnProviders, loadOwnProviders, noOwnProviders } from '../../providers/own.ts';
import { createSettings } from '../../settings.ts';
import { environmentDefaults } from '../../workspace/active.ts';
import { findSettingFaults } from '../../workspace/setting-faults.ts';

/** All that was said, wherever it stands; of a file that is bad, the defaults and what is wrong with it. */
export interface Known {
  config: Config;
  settings: Settings;
  /** The settings file as it was written, to tell what it says from what is a default. */
  written: unknown;
  definitions: readonly ProviderDefinition[];
  keptKeys: ReadonlySet<string>;
  selection: SelectionFile | null;
  catalogue: readonly CatalogueEntry[];
  faults: readonly SettingFault[];
}

/** As {@link readKnown}, with what the files of the user's own define. */
export async function readAllKnown(): Promise<Known> {
  return readKnown(await loadOwnProviders(readConfig().config.providersDir));
}

/** Reads all settings of this home folder; nobody is asked, and nothing throws. */
export function readKnown(own: OwnProviders = noOwnProviders): Known {
  const found = readConfig();
  const { config } = found;
  const defaults = environmentDefaults(config);
  const log = { info: () => {}, warn: () => {} };
  return {
    config,
    settings: orElse(
      () => createSettings({ file: config.settingsFile, log, defaults }).current(),
      () => settingsWithout(defaults),
    ),
    written: writtenIn(config.settingsFile),
    definitions: [...kinds, ...own.definitions],
    keptKeys: orElse(
      () => new Set(readProviderKeys(config.providerKeysFile).keys()),
      () => new Set(),
    ),
    selection: orElse(
      () => readSelectionNow(config.selectionFile),
      () => null,
    ),
    catalogue: orElse(
      () => readCatalogue(config.catalogueFile)?.items.map(({ entry }) => entry) ?? [],
      () => [],
    ),
    faults: findSettingFaults({ ...found, own }),
  };
}

/** Whether the settings file itself says a field. */
export function isWritten({ written }: Pick<Known, 'written'>, ...path: readonly string[]): boolean {
  let value = written;
  for (const name of path) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return false;
    value = value[name];
  }
  return true;
}

function writtenIn(file: string): unknown {
  const read = orElse(
    () => parseJsonText(readFileSync(file, 'utf8')),
    () => ({ fault: '' }),
  );
  return 'value' in read ? read.value : {};
}

/** What is wrong with a file is told by the report of faults. */
function orElse<T>(read: () => T, otherwise: () => T): T {
  try {
    return read();
  } catch {
    return otherwise();
  }
}
