import { createOllamaProvider } from '../../src/providers/ollama.ts';
import { runConversations } from '../fixtures/conversations/suite.ts';
import { wireProvider } from '../fixtures/gateway-harness.ts';

runConversations({ kind: 'openai', create: (url) => wireProvider(url, 'under-test') });
runConversations({ kind: 'ollama', create: (url) => createOllamaProvider({ name: 'under-test', baseUrl: url }) });
