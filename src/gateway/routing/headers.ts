import type { Plan } from '../policy.ts';
import type { Tally } from '../tally.ts';

type Headers = Record<string, string>;

/** Who answers, whatever was asked for, and what it cost where that is known before the head. */
export function answerHeaders(
  tally: Tally,
  plan: Plan | null,
  costNanos: number | null,
  warningOf: (provider: string, model: string) => string | null,
): Headers {
  const { call, target } = tally;
  const warning = target ? warningOf(target.provider.name, target.model) : null;
  return {
    'x-ratchet-provider': encodeURI(target?.provider.name ?? ''),
    'x-ratchet-model': encodeURI(target?.model ?? ''),
    ...attemptHeaders(tally),
    ...(tally.sent && { 'x-ratchet-device': 'cpu' }),
    ...(warning !== null && { 'x-ratchet-warning': warning }),
    ...(plan?.route && { 'x-ratchet-route': plan.route }),
    ...(plan?.forced && { 'x-ratchet-forced': encodeURI(plan.forced), 'x-ratchet-asked': askedFor(call?.model ?? '') }),
    ...(costNanos !== null && { 'x-ratchet-cost': dollars(costNanos) }),
  };
}

/** How often providers were asked, and each model that failed or could not be asked, once, with its last error. */
export function attemptHeaders({ attempts, tries }: Pick<Tally, 'attempts' | 'tries'>): Headers {
  if (attempts.length === 0) return { 'x-ratchet-tries': String(tries) };
  const failed = new Map(attempts.map(({ provider, model, code }) => [encodeURI(`${provider}/${model}`), code]));
  return {
    'x-ratchet-tries': String(tries),
    'x-ratchet-attempts': [...failed].map(([ref, code]) => `${ref}=${code}`).join(', '),
  };
}

/** What a client made up, in the letters that a header may have. */
function askedFor(name: string): string {
  return encodeURI(name.toWellFormed().slice(0, 300));
}

/** Billionths of a US dollar as dollars, without an exponent. */
function dollars(nanos: number): string {
  return (nanos / 1e9).toFixed(9).replace(/\.?0+$/, '');
}
