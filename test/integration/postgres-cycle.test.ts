import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { type PostgresServer, startPostgres } from '../fixtures/postgres.ts';
import {
  type TestWorkspace,
  addRatedChats,
  inState,
  startCycle,
  startTestWorkspace,
  testRecipe,
  untilCycle,
} from '../fixtures/workspace.ts';

let postgres: PostgresServer;
let databaseUrl: string;
let place: TestWorkspace;

beforeAll(async () => {
  postgres = await startPostgres();
  databaseUrl = await postgres.createDatabase();
  place = await startTestWorkspace({ DATABASE_URL: databaseUrl });
});

afterAll(async () => {
  await place?.stop();
  await postgres?.stop();
});

test('a whole cycle runs with its record in PostgreSQL', async () => {
  await addRatedChats(place, 200);
  const id = await startCycle(place.api, testRecipe(place.world));
  const cycle = await untilCycle(place.api, id, inState('completed', 'needs_attention'));
  expect(cycle).toMatchObject({ state: 'completed', result: { promoted: true, decision: 'pass' } });

  const store = await openStore({ dataDir: place.config.dataDir, databaseUrl });
  try {
    expect(store.kind).toBe('postgres');
    const head = await store.models.head();
    expect(head).toMatchObject({ kind: 'promote', state: 'applied', cycleId: id });
    const version = await store.models.get(head?.modelVersion ?? '');
    expect(version).toMatchObject({ cycleId: id, dataset: cycle.outputs.build?.dataset });
  } finally {
    await store.close();
  }
});
