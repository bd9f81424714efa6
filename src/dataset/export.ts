import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetFile, DatasetRow, Split } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import type { WireMessage } from '../core/message.ts';
import { linesOf } from '../store/lines.ts';

/** One line of OpenAI's supervised fine-tuning format. */
export interface SftLine {
  messages: WireMessage[];
  tools?: DatasetRow['tools'];
}

/** The lines of a file of a version, one at a time. */
export async function* readLines<Line>(path: string): AsyncGenerator<Line> {
  for await (const line of linesOf(path)) {
    if (line !== '') yield JSON.parse(line) as Line;
  }
}

/** The rows of a split file, one at a time. */
export function readRows(path: string): AsyncGenerator<DatasetRow> {
  return readLines<DatasetRow>(path);
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

/** Path of a split's file in a version's folder; NotFound when the file is gone. */
export function splitFile(folder: string, split: Split): Promise<string> {
  return versionFile(folder, `${split}.jsonl`);
}

/** Path of a file in a version's folder; NotFound when it is gone. */
export async function versionFile(folder: string, name: DatasetFile): Promise<string> {
  const path = join(folder, name);
  try {
    await access(path);
    return path;
  } catch (cause) {
    throw new RatchetError('NotFound', `${path} is gone: build the dataset again from its recipe.`, { cause });
  }
}
