import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RatchetError } from '../../core/errors.ts';
import { parseSettings, strategies } from '../../core/settings.ts';
import { createRegistry } from '../../providers/registry.ts';
import type { Provider } from '../../providers/types.ts';
import { type Plan, createPolicy } from '../policy.ts';
import { createResolver } from '../resolve.ts';

const names = ['one', 'two', 'three'] as const;
const models = ['a', 'b'] as const;
const ref = fc.tuple(fc.constantFrom(...names, 'gone'), fc.constantFrom(...models)).map((parts) => parts.join('/'));
const member = fc.oneof({ weight: 6, arbitrary: ref }, { weight: 1, arbitrary: fc.constant('active') });
const egress = fc.constantFrom('allow' as const, 'deny' as const);
const tags = fc.uniqueArray(fc.constantFrom('paid', 'fast'), { maxLength: 2 });

const file = fc.record({
  providers: fc.record(
    Object.fromEntries(
      names.map((name) => {
        const locality = fc.constantFrom('local', 'remote');
        return [name, fc.oneof(fc.record({ locality }), fc.record({ locality, egress: fc.constant('deny') }))];
      }),
    ),
  ),
  routes: fc.record({
    r: fc.record({
      model: member,
      deployments: fc.array(fc.record({ model: member, weight: fc.integer({ min: 1, max: 9 }), tags }), {
        maxLength: 4,
      }),
      strategy: fc.constantFrom(...strategies),
      fallback: fc.array(member, { maxLength: 4 }),
      egress,
    }),
  }),
  aliases: fc.record({ other: member, r2: member }),
  routing: fc.record({
    force: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, ref, fc.constantFrom(...names, 'gone')),
    fallback: fc.array(member, { maxLength: 3 }),
    egress,
  }),
});

const request = fc.record({
  asked: fc.oneof(fc.constantFrom('r', 'active', 'other', 'r2', 'bare', 'nobody'), ref),
  instead: fc.option(ref, { nil: null }),
  tags: tags.map((all) => all.join(',')),
});

function providerAt(name: string, locality: () => 'local' | 'remote'): Provider {
  return {
    name,
    kind: 'openai',
    get locality() {
      return locality();
    },
    reportsUsage: false,
    setUp: () => ({ state: 'given' }),
    call: () => Promise.reject(new Error('a plan asks nobody')),
    listModels: async () => (name === 'two' ? ['bare'] : []),
    health: async () => ({ state: 'green', reason: '' }),
  };
}

/** Whether somebody gave leave for a remote model in place of a local one. */
function hasLeave(plan: Plan, route: 'allow' | 'deny', everywhere: 'allow' | 'deny'): boolean {
  if (plan.route !== null && route === 'allow') return true;
  return (plan.route === null || plan.forced !== null) && everywhere === 'allow';
}

test('nothing that is asked of a local model goes to a remote one without leave, whatever the settings say', async () => {
  const seen = { local: 0, remote: 0, mixed: 0, refused: 0, forced: 0, spared: 0 };
  await fc.assert(
    fc.asyncProperty(
      file,
      request,
      fc.option(ref, { nil: null }),
      fc.nat(2 ** 30),
      async (said, asked, selected, seed) => {
        const settings = parseSettings(JSON.stringify(said), 'ratchet.json');
        const locality = (name: string) => settings.providers.get(name)?.locality ?? 'remote';
        const providers = names.map((name) => providerAt(name, () => locality(name)));
        const [provider = '', model = ''] = selected?.split('/') ?? [];
        const resolver = createResolver({
          registry: createRegistry(providers),
          selection: () => (selected === null ? null : { provider, model }),
          alias: (name) => settings.aliases.get(name) ?? null,
        });
        let draws = seed;
        const random = () => (draws = (draws * 48_271 + 11) % 2_147_483_647) / 2_147_483_647;
        const policy = createPolicy({ settings: () => settings, resolver, random });
        const whole = { unrecorded: false, record: 'all' as const, ...asked };
        // Where what was asked for is, without what decides otherwise.
        const own = await resolver.resolve(settings.routes.get(asked.asked)?.model ?? asked.asked).catch(() => null);
        const plan = await policy.plan(whole).catch((error: unknown) => {
          expect(error).toBeInstanceOf(RatchetError);
          return null;
        });
        if (!plan) {
          seen.refused += 1;
          return;
        }
        seen.forced += plan.forced === null ? 0 : 1;
        seen.spared += plan.spared === null ? 0 : 1;
        const where = plan.targets.map((target) => target.provider.locality);
        const remote = plan.targets.filter((target) => target.provider.locality === 'remote');
        seen[where.includes('local') ? (remote.length > 0 ? 'mixed' : 'local') : 'remote'] += 1;
        const isLocal = where[0] === 'local' || (own ?? plan.spared)?.provider.locality === 'local' || own === null;
        if (!isLocal || remote.length === 0) return;
        expect(hasLeave(plan, said.routes.r.egress, said.routing.egress), JSON.stringify({ said, asked, where })).toBe(
          true,
        );
        for (const target of remote) expect(settings.providers.get(target.provider.name)?.egress).not.toBe('deny');
      },
    ),
    { numRuns: 6_000 },
  );
  // It says something only where every kind of plan came up; the rarest does some eighty times.
  for (const [kind, count] of Object.entries(seen)) expect(count, kind).toBeGreaterThan(20);
});
