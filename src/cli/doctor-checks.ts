import type { Config } from '../config.ts';
import type { SettingFault } from '../core/setting-fault.ts';
import { type Settings, defaultSettings } from '../core/settings.ts';
import { type SelectionFile, readSelectionNow, selectionRef } from '../models/selection.ts';
import { kinds } from '../providers/kinds/all.ts';
import { kindFaults } from '../providers/known.ts';
import { loadOwnProviders } from '../providers/own.ts';
import { createSettings } from '../settings.ts';
import type { Check } from '../setup/check.ts';
import { environmentDefaults, unselectedRef } from '../workspace/active.ts';
import { findSettingFaults } from '../workspace/setting-faults.ts';
import { checkProviders } from './doctor-providers.ts';
import { checkStale } from './doctor-stale.ts';

/** What the doctor looks at beside the machine: every setting, then every provider that is set up. */
export async function checkSettingsAndProviders(config: Config, faults: readonly SettingFault[]): Promise<Check[]> {
  const own = await loadOwnProviders(config.providersDir);
  const definitions = [...kinds, ...own.definitions];
  const found = findSettingFaults({ config, faults, own });
  const settings = orElse(() => {
    const check = (value: unknown) => kindFaults(value, definitions, own.unread);
    const log = { info: () => {}, warn: () => {} };
    return createSettings({ file: config.settingsFile, log, defaults: environmentDefaults(config), check }).current();
  }, defaultSettings satisfies Settings);
  const selected = orElse<SelectionFile | null>(() => readSelectionNow(config.selectionFile), null);
  const active = selected ? selectionRef(selected.selection) : orElse(() => unselectedRef(config), null);
  const [providers, stale] = await Promise.all([
    checkProviders({ config, settings, definitions, active }),
    checkStale(config),
  ]);
  return [...settingChecks(found), ...providers, ...stale];
}

function settingChecks(found: readonly SettingFault[]): Check[] {
  if (found.length === 0)
    return [{ name: 'settings', state: 'ok', message: 'every setting is as it should be', fix: null }];
  return found.map(({ level, file, place, message }) => ({
    name: 'settings',
    state: level === 'fault' ? 'failed' : 'warning',
    message: place === '' ? `${file} is not in order` : `${file}: ${place} is not in order`,
    fix: message,
  }));
}

/** What is wrong with a file is among the faults already. */
function orElse<T>(read: () => T, other: T): T {
  try {
    return read();
  } catch {
    return other;
  }
}
