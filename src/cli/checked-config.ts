import { type Config, readConfig } from '../config.ts';
import { faultsError, tellFault } from '../core/setting-fault.ts';
import { loadOwnProviders } from '../providers/own.ts';
import { findSettingFaults } from '../workspace/setting-faults.ts';

/**
 * The configuration of a process that is about to start. InvalidInput names every bad setting of environment, `.env` and all
 * files at once. What is only worth knowing goes to `tell`, a line each.
 */
export async function loadCheckedConfig(tell: (line: string) => void = () => {}): Promise<Config> {
  const found = readConfig();
  const all = findSettingFaults({ ...found, own: await loadOwnProviders(found.config.providersDir) });
  const faults = all.filter(({ level }) => level === 'fault');
  if (faults.length > 0) throw faultsError(faults);
  for (const warning of all) tell(`ratchet: ${tellFault(warning)}`);
  return found.config;
}
