import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/config.ts';
import { loadOwnProviders } from '../../src/providers/own.ts';
import { runConversations } from '../fixtures/conversations/suite.ts';
import { type OwnWire, serveOwnWire } from '../fixtures/own-wire.ts';
import { providerUnderTest } from '../fixtures/under-test.ts';

/**
 * The recorder's conversations over every file of a folder: RATCHET_PROVIDERS_DIR, or ours. A file whose server speaks a
 * format of its own exports `wire` beside its definition, which plays that server.
 */
const folder = resolve(process.env.RATCHET_PROVIDERS_DIR ?? `${packageRoot}/test/fixtures/own-providers`);
const { definitions, faults } = await loadOwnProviders(folder);

/** What each file exports to play its server, by kind. */
const wires = new Map<string, OwnWire>();
for (const name of await readdir(folder)) {
  if (!/\.(?:js|mjs|ts)$/.test(name)) continue;
  const loaded = (await import(pathToFileURL(resolve(folder, name)).href)) as {
    default?: { kind?: string };
    wire?: OwnWire;
  };
  if (loaded.default?.kind !== undefined && loaded.wire) wires.set(loaded.default.kind, loaded.wire);
}

test('every file of the folder defines a provider', () => {
  expect(faults).toEqual([]);
  expect(definitions).not.toHaveLength(0);
});

for (const { kind } of definitions) {
  const wire = wires.get(kind);
  const closing: (() => Promise<void>)[] = [];
  runConversations({
    kind,
    async create(url) {
      if (!wire) return providerUnderTest(kind, url, definitions);
      const served = await serveOwnWire(wire, url);
      closing.push(served.close);
      return providerUnderTest(kind, served.url, definitions);
    },
    close: async () => void (await Promise.all(closing.map((close) => close()))),
  });
}
