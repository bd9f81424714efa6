import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { DatasetRow } from '../core/dataset.ts';
import type { WireMessage } from '../core/message.ts';

/** One line of OpenAI's supervised fine-tuning format. */
export interface SftLine {
  messages: WireMessage[];
  tools?: DatasetRow['tools'];
}

/** The rows of a split file, one at a time. */
export async function* readRows(path: string): AsyncGenerator<DatasetRow> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== '') yield JSON.parse(line) as DatasetRow;
  }
}

/**
 * A row as OpenAI's fine-tuning takes it: `{"messages", "tools"?}`. Assistant messages that are only context get
 * `"weight": 0`, which leaves them out of the loss (https://platform.openai.com/docs/guides/supervised-fine-tuning).
 */
export function toSftLine(row: DatasetRow): SftLine {
  const messages = row.messages.map((message, index) =>
    message.role === 'assistant' && !row.learn.includes(index) ? { ...message, weight: 0 } : message,
  );
  return { messages, ...(row.tools && { tools: row.tools }) };
}

/** A split file as lines of OpenAI's fine-tuning format, each with its line feed. */
export async function* exportSft(path: string): AsyncGenerator<string> {
  for await (const row of readRows(path)) yield `${JSON.stringify(toSftLine(row))}\n`;
}
