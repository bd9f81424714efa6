import { runConversations } from '../fixtures/conversations/suite.ts';
import { openAiKinds, providerUnderTest } from '../fixtures/under-test.ts';

for (const kind of openAiKinds()) runConversations({ kind, create: (url) => providerUnderTest(kind, url) });
