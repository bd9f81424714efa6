import type { ProviderDefinition } from '../providers/definition.ts';
import { kinds } from '../providers/kinds/all.ts';

/** A variable and what it is for. */
export interface DescribedVariable {
  name: string;
  about: string;
}

/** What single kinds have beside addresses and keys. */
const further: readonly DescribedVariable[] = [
  { name: 'AZURE_API_VERSION', about: 'Azure: the version of its API, such as 2024-02-15-preview' },
  { name: 'OPENAI_API_VERSION', about: 'Azure: the same, as others call it' },
];

/** Every variable that kinds of providers read, by their definitions. */
export function providerVariables(definitions: readonly ProviderDefinition[] = kinds): DescribedVariable[] {
  const ofKinds = definitions.flatMap(({ title, baseUrl, baseUrlVariables = [], apiKeyVariables = [] }) => [
    ...named(baseUrlVariables, `${title}: where it is reached; ${baseUrl ?? 'it has to be said'}`),
    ...named(apiKeyVariables, `${title}: its key`),
  ]);
  return [...ofKinds, ...further].filter(({ name }, at, all) => all.findIndex((one) => one.name === name) === at);
}

/** The first that is set counts. */
function named([first, ...others]: readonly string[], about: string): DescribedVariable[] {
  if (first === undefined) return [];
  return [
    { name: first, about },
    ...others.map((name) => ({ name, about: `the same as ${first}, which goes before it` })),
  ];
}
