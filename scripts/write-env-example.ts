// Writes .env.example from what reads the variables: `node scripts/write-env-example.ts`.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environmentVariables, packageRoot } from '../src/config.ts';
import { type DescribedVariable, providerVariables } from '../src/workspace/variables.ts';

export const envExampleFile = join(packageRoot, '.env.example');

/** Every variable that is read, each with what it is for; all of them commented out. */
export function envExample(): string {
  const ofProviders = providerVariables();
  const taken = new Set(ofProviders.map(({ name }) => name));
  const own = environmentVariables().filter(({ name }) => !taken.has(name));
  return [
    '# Copy to .env in the home folder, and take the "#" away from what you set. The environment goes before this file.',
    '# "ratchet config" shows what is in force and where it comes from. Written by scripts/write-env-example.ts.',
    '',
    ...own.flatMap(lines),
    '# Providers',
    '',
    ...ofProviders.flatMap(lines),
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

function lines({ name, about }: DescribedVariable): string[] {
  return [`# ${about.charAt(0).toUpperCase()}${about.slice(1)}.`, `#${name}=`, ''];
}

if (import.meta.main) writeFileSync(envExampleFile, envExample());
