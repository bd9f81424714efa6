import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { isObject } from '../../core/canonical.ts';
import { RatchetError, asRatchetError } from '../../core/errors.ts';
import type { CompletionFilter, CompletionRecord, ImportedChat, Store } from '../../store/types.ts';
import { filterQuery, toFilter } from '../completion-query.ts';
import type { AppEnv, Routes } from '../context.ts';
import { presentCompletion } from '../present.ts';
import { json, problems } from '../schemas.ts';
import { type RawFormat, formats, rawFormats } from './formats.ts';
import { readLines } from '../../feedback/importers/lines.ts';

type Stores = Pick<Store, 'chats' | 'feedback'>;

const readAtOnce = 100;
/** Chats that are synced together. */
const writtenAtOnce = 50;
const faultsTold = 100;

const lines = (description: string) => ({
  description,
  content: { 'application/x-ndjson': { schema: z.string() } },
});

const exported = createRoute({
  method: 'get',
  path: '/api/completions/export',
  tags: ['Completions'],
  summary: 'Raw records, one on each line, oldest first',
  description:
    '`openpipe` and `nvidia` hold complete chats, with requests and answers as they were sent and got; `ratchet` holds every completion as GET /api/completions shows it.',
  request: { query: z.object({ format: z.enum([...rawFormats, 'ratchet']).default('ratchet'), ...filterQuery }) },
  responses: { 200: lines('The records'), ...problems },
});

const report = z
  .object({
    written: z.int(),
    /** How many were there already, by their content. */
    known: z.int(),
    /** How many lines could not be read. */
    faulty: z.int(),
    /** The first of them. */
    faults: z.array(z.object({ line: z.int(), message: z.string() })),
  })
  .openapi('Import');

const imported = createRoute({
  method: 'post',
  path: '/api/completions/import',
  tags: ['Completions'],
  summary: 'Raw records of another product, one on each line',
  description: 'What is there already, by its content, is not written again, so that an import can be repeated.',
  request: {
    query: z.object({
      format: z.enum(rawFormats),
      owner: z.string().min(1).max(200).optional(),
      provider: z
        .string()
        .regex(/^[\w.-]{1,100}$/)
        .default('import'),
    }),
  },
  responses: { 200: json(report, 'What was written'), ...problems },
});

/** `GET /api/completions/export` and `POST /api/completions/import`. */
export function transferRoutes(stores: Stores): Routes {
  return (app) => {
    app.openapi(exported, (context) => {
      const { format, ...query } = context.req.valid('query');
      const filter = toFilter(context.get('principal'), query);
      const records = format === 'ratchet' ? allLines(stores, filter) : rawLines(stores, filter, format);
      return new Response(toStream(records), { headers: { 'content-type': 'application/x-ndjson' } }) as never;
    });
    app.openapi(imported, async (context) => {
      const { format, owner = context.get('owner'), provider } = context.req.valid('query');
      return context.json(await importLines(stores, bodyOf(context), { format, owner, provider }), 200);
    });
  };
}

async function* pages({ chats }: Stores, filter: CompletionFilter): AsyncGenerator<CompletionRecord[]> {
  let cursor: string | null = null;
  do {
    const page = await chats.list(filter, { limit: readAtOnce, order: 'asc', ...(cursor !== null && { cursor }) });
    yield page.items;
    cursor = page.next;
  } while (cursor !== null);
}

async function* allLines(stores: Stores, filter: CompletionFilter): AsyncGenerator<string> {
  for await (const records of pages(stores, filter)) {
    const events = await stores.feedback.ofCompletions(records.map(({ id }) => id));
    for (const record of records) yield `${JSON.stringify(presentCompletion(record, events))}\n`;
  }
}

async function* rawLines(stores: Stores, filter: CompletionFilter, format: RawFormat): AsyncGenerator<string> {
  const chats: CompletionFilter = { states: ['complete'], erased: false, ...filter, kinds: ['chat'] };
  for await (const records of pages(stores, chats)) {
    for (const record of records.filter((each) => each.record === 'all' && each.erasedAt === null)) {
      yield `${JSON.stringify(formats[format].write(record))}\n`;
    }
  }
}

/** Reads on only as fast as the client takes it. */
function toStream(records: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await records.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      async cancel() {
        await records.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

function bodyOf(context: Context<AppEnv>): ReadableStream<Uint8Array> {
  const { body } = context.req.raw;
  if (body) return body;
  throw new RatchetError('InvalidInput', 'There is no body: send the records, one on each line.');
}

async function importLines(
  { chats }: Stores,
  body: AsyncIterable<Uint8Array>,
  { format, owner, provider }: { format: RawFormat; owner: string; provider: string },
): Promise<z.infer<typeof report>> {
  const sum: z.infer<typeof report> = { written: 0, known: 0, faulty: 0, faults: [] };
  let batch: ImportedChat[] = [];
  let at = 0;

  async function write(): Promise<void> {
    const { written, known } = await chats.import(batch);
    sum.written += written;
    sum.known += known;
    batch = [];
  }

  for await (const line of readLines(body)) {
    at += 1;
    if (line === '') continue;
    try {
      batch.push({ ...formats[format].read(parseLine(line)), owner, provider });
    } catch (error) {
      sum.faulty += 1;
      if (sum.faults.length < faultsTold) sum.faults.push({ line: at, message: asRatchetError(error).message });
    }
    if (batch.length === writtenAtOnce) await write();
  }
  await write();
  return sum;
}

function parseLine(line: string) {
  try {
    const value: unknown = JSON.parse(line);
    if (isObject(value)) return value;
  } catch {
    // Told below, with what is JSON but no object.
  }
  throw new RatchetError('InvalidInput', 'The line must be a JSON object.');
}
