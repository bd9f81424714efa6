import { afterAll, beforeAll, describe } from 'vitest';
import { type PostgresServer, startPostgres } from '../fixtures/postgres.ts';
import { chatSuite, interruptionSuite } from './chats.suite.ts';
import { concurrencySuite } from './concurrency.suite.ts';
import { cycleSuite } from './cycles.suite.ts';
import { type NewInstallation, installations } from './installation.ts';
import { lineageSuite } from './lineage.suite.ts';
import { threadingSuite } from './threading.suite.ts';

describe('SQLite', () => {
  suites(installations(async () => null));
});

describe('PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.stop());
  suites(installations(() => server.createDatabase()));
});

function suites(install: NewInstallation): void {
  describe('chats', () => chatSuite(install));
  describe('interruption', () => interruptionSuite(install));
  describe('threading', () => threadingSuite(install));
  describe('cycles', () => cycleSuite(install));
  describe('lineage', () => lineageSuite(install));
  describe('concurrency', { timeout: 30_000 }, () => concurrencySuite(install));
}
