import type { Operation } from '../ports.ts';
import { chatOperation } from './chat.ts';
import { embeddingsOperation } from './embeddings.ts';
import { responsesOperation } from './responses/operation.ts';
import { textOperation } from './text.ts';

/** What models are asked for. */
export const operations: readonly Operation[] = [chatOperation, textOperation, responsesOperation, embeddingsOperation];
