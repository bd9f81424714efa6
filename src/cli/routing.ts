import { createPolicy } from '../gateway/policy.ts';
import type { Observer } from '../gateway/ports.ts';
import type { Prices } from '../gateway/price.ts';
import { type Route, createResolver } from '../gateway/resolve.ts';
import { createLanes } from '../gateway/routing/lanes.ts';
import type { House } from '../workspace/house.ts';

/** From a name to models that are asked: resolver, lanes and policy of one API process. */
export function openRouting(
  { registry, active, settings, catalogue }: Pick<House, 'registry' | 'active' | 'settings' | 'catalogue'>,
  { prices, observer }: { prices: Pick<Prices, 'find'>; observer: Pick<Observer, 'broken'> },
) {
  const listed = () => catalogue.entries().map(({ name }) => name);
  const alias = (name: string) => settings.current().aliases.get(name) ?? catalogue.find(name)?.ref ?? null;
  const names = () => [...settings.current().aliases.keys(), ...settings.current().routes.keys(), ...listed()];
  const price = ({ provider, model }: Route) => {
    const found = prices.find(provider, model)?.price;
    return found ? found.input + found.output : null;
  };
  const resolver = createResolver({ registry, selection: active, alias, names });
  const lanes = createLanes({
    settings: () => settings.current(),
    broken: (...change) => observer.broken?.(...change),
  });
  const policy = createPolicy({ settings: () => settings.current(), resolver, lanes, price, aliases: listed });
  return { resolver, lanes, policy };
}
