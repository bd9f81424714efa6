import type { Config } from '../config.ts';
import type { Check } from './check.ts';
import { runChecks } from './checks.ts';
import { parts, partsFor } from './ensure.ts';
import type { Finding, PartName, PartSource } from './part.ts';

const setupCommand = 'ratchet setup';

export interface PartReport {
  name: PartName;
  title: string;
  state: Finding['state'];
  /** Whether Ratchet cannot do its work without it. */
  needed: boolean;
  version: string | null;
  source: PartSource | null;
  path: string | null;
  /** Why it is missing or unsafe, or what else to know. */
  reason: string | null;
  /** The one command that puts it right. */
  fix: string | null;
}

export interface Diagnosis {
  ok: boolean;
  parts: PartReport[];
  checks: Check[];
}

/**
 * Looks at everything that Ratchet needs from outside, and changes nothing. `further` are checks of rooms that this one does
 * not know: settings and providers.
 */
export async function diagnose(
  config: Config,
  purpose: keyof typeof partsFor = 'run',
  further: Promise<Check[]> = Promise.resolve([]),
): Promise<Diagnosis> {
  const context = { config, onProgress: () => {} };
  const [own, others, reports] = await Promise.all([
    runChecks(config),
    further,
    Promise.all(partsFor[purpose].map(async (name) => report(name, await parts[name].find(context)))),
  ]);
  const checks = [...own, ...others];
  const served = checks.some(({ name, state }) => name === 'ollama' && state === 'ok');
  for (const part of reports) if (part.name === 'ollama' && served) part.needed = false;
  const lacking = reports.some(({ needed, state }) => needed && state !== 'ok');
  return { ok: !lacking && checks.every(({ state }) => state !== 'failed'), parts: reports, checks };
}

function report(name: PartName, finding: Finding): PartReport {
  const found = finding.state === 'missing' ? null : finding.part;
  const reason = finding.state === 'ok' ? (finding.part.note ?? null) : finding.reason;
  return {
    name,
    title: parts[name].title,
    state: finding.state,
    needed: true,
    version: found?.version ?? null,
    source: found?.source ?? null,
    path: found?.path ?? null,
    reason,
    fix: fixOf(name, finding),
  };
}

function fixOf(name: PartName, finding: Finding): string | null {
  if (finding.state === 'ok') return null;
  if (finding.state === 'missing' && finding.final) return `unset RATCHET_${name.toUpperCase()}`;
  return name === 'chromium' || name === 'python-dev' ? `${setupCommand} --for test` : setupCommand;
}
