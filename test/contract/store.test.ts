import { afterAll, beforeAll, describe } from 'vitest';
import { type PostgresServer, startPostgres } from '../fixtures/postgres.ts';
import { answerCacheSuite, promptSuite } from './answer-cache.suite.ts';
import { chatSuite, interruptionSuite } from './chats.suite.ts';
import { comparisonSuite } from './comparisons.suite.ts';
import { concurrencySuite } from './concurrency.suite.ts';
import { cycleSuite } from './cycles.suite.ts';
import { erasingSuite } from './erasing.suite.ts';
import { forgottenSuite } from './forgotten.suite.ts';
import { gpuLeaseSuite } from './gpu-leases.suite.ts';
import { heldSuite } from './held.suite.ts';
import { type NewInstallation, installations } from './installation.ts';
import { journaledSuite } from './journaled.suite.ts';
import { keySuite } from './keys.suite.ts';
import { lineageSuite } from './lineage.suite.ts';
import { outcomeSuite } from './outcome.suite.ts';
import { readingSuite } from './reading.suite.ts';
import { replaySuite } from './replay.suite.ts';
import { reviewSuite } from './review.suite.ts';
import { threadPropertySuite } from './thread-properties.suite.ts';
import { threadingSuite } from './threading.suite.ts';
import { usageSuite } from './usage.suite.ts';

describe('SQLite', () => {
  suites(installations(async () => null));
});

describe('PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());
  suites(installations(() => server.createDatabase()));
});

function suites(install: NewInstallation): void {
  describe('chats', () => chatSuite(install));
  describe('interruption', () => interruptionSuite(install));
  describe('outcomes', () => outcomeSuite(install));
  describe('held requests', () => heldSuite(install));
  describe('journaled chats', () => journaledSuite(install));
  describe('threading', () => threadingSuite(install));
  describe('threads', () => threadPropertySuite(install));
  describe('reading back', () => readingSuite(install));
  describe('erasing', () => erasingSuite(install));
  describe('cycles', () => cycleSuite(install));
  describe('GPU leases', () => gpuLeaseSuite(install));
  describe('lineage', () => lineageSuite(install));
  describe('forgetting', () => forgottenSuite(install));
  describe('usage', () => usageSuite(install));
  describe('keys', () => keySuite(install));
  describe('comparisons', () => comparisonSuite(install));
  describe('review', () => reviewSuite(install));
  describe('replayed answers', () => replaySuite(install));
  describe('cached answers', () => answerCacheSuite(install));
  describe('prompts', () => promptSuite(install));
  describe('concurrency', () => concurrencySuite(install));
}
