import { basename } from 'node:path';
import { isLoopback } from '../../config.ts';
import { isOnGpu } from '../../core/gpu.ts';
import { type Explained, type Said, inForce } from '../../core/ranked.ts';
import { baseUrlFault } from '../../core/setting-checks.ts';
import { providerInForce } from '../../core/settings.ts';
import { type PlannedProvider, planProviders } from '../../providers/instances.ts';
import { type Known, isWritten } from './known.ts';

/** One setting, what it is, and where that comes from. */
export interface SettingLine extends Explained<unknown> {
  path: string;
}

/** Everything that is in force for every provider that there can be. */
export function providerLines(known: Known): SettingLine[] {
  return planProviders(known.settings, known.definitions).flatMap((planned) => {
    return Object.entries(explainProvider(planned, known)).map(([field, explained]) => ({
      path: `providers.${planned.name}.${field}`,
      ...explained,
    }));
  });
}

/** Each field of one provider by its name in `ratchet.json`; `key` tells only whether there is one. */
export function explainProvider(planned: PlannedProvider, known: Known): Record<string, Explained<unknown>> {
  const { name, definition, said } = planned;
  const { settings } = known;
  const own = ofFile(known, 'provider', 'providers', name);
  const baseUrl = explainBaseUrl(planned, known);
  const rules = providerInForce(settings, name, localityOf(baseUrl.value));
  const options = Object.entries(said.options ?? {}).map(([option, value]) => [
    `options.${option}`,
    inForce([own(['options', option], value)], null),
  ]);
  return {
    kind: inForce([own('kind', said.kind)], definition.kind),
    base_url: baseUrl,
    key: explainKey(planned, known),
    record: inForce([own('record', said.record)], rules.record),
    train: inForce([own('train', said.train)], rules.train),
    egress: inForce<string>([own('egress', said.egress)], rules.egress),
    locality: inForce([own('locality', said.locality)], rules.locality),
    gpu: inForce([own('gpu', said.gpu)], isOnGpu({ kind: definition.kind, locality: rules.locality })),
    timeout_seconds: inForce<number | null>([own('timeout_seconds', said.timeoutSeconds)], null),
    retries: inForce(
      [own('retries', said.retries), ofFile(known, 'file', 'routing')('retries', settings.routing.retries)],
      settings.routing.retries,
    ),
    ...(said.limits && { limits: inForce<object>([own('limits', said.limits)], {}) }),
    ...Object.fromEntries(options),
  };
}

/** What the settings file says of fields of one part; nothing where it does not write them. */
export function ofFile(known: Known, rank: Said<unknown>['rank'], ...path: string[]) {
  const file = basename(known.config.settingsFile);
  return <T>(field: string | readonly string[], value: T | undefined): Said<T> => {
    const full = [...path, field].flat();
    return { rank, place: `${file}: ${full.join('.')}`, value: isWritten(known, ...full) ? value : undefined };
  };
}

/** A variable as somebody who speaks. */
export function ofVariable({ config }: Known, name: string): Said<string> {
  return { rank: 'environment', place: `${name} (${config.variableSource(name) ?? ''})`, value: config.variable(name) };
}

function explainBaseUrl({ name, definition, said }: PlannedProvider, known: Known): Explained<string | null> {
  // A second provider of a kind is somewhere else than the first.
  const variables = name === definition.kind ? (definition.baseUrlVariables ?? []) : [];
  const ofKind: Said<string> = { rank: 'kind', place: definition.title, value: definition.baseUrl ?? undefined };
  return inForce<string | null>(
    [
      ofFile(known, 'provider', 'providers', name)('base_url', said.baseUrl),
      ...variables.map((variable) => ofVariable(known, variable)),
      ofKind,
    ],
    null,
  );
}

function explainKey({ name, definition, said }: PlannedProvider, known: Known): Explained<string | null> {
  const { config, keptKeys } = known;
  const kept = keptKeys.has(name) ? '(set)' : undefined;
  const variables = said.apiKeyEnv === undefined ? (definition.apiKeyVariables ?? []) : [said.apiKeyEnv];
  return inForce<string | null>(
    [
      { rank: 'provider', place: basename(config.providerKeysFile), value: kept },
      ...variables.map((variable) => {
        const { value, ...where } = ofVariable(known, variable);
        return { ...where, value: value === undefined ? undefined : '(set)' };
      }),
    ],
    null,
  );
}

function localityOf(baseUrl: string | null): 'local' | 'remote' {
  if (baseUrl === null || baseUrlFault(baseUrl) !== null) return 'remote';
  const { hostname } = new URL(/^https?:\/\//.test(baseUrl) ? baseUrl : `http://${baseUrl}`);
  return isLoopback(hostname) || hostname === '0.0.0.0' ? 'local' : 'remote';
}
