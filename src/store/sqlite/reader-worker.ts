import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { readPatiently } from './patience.ts';
import type { FromThread, Query, QueryAnswer, ToThread } from './protocol.ts';
import { failureOf } from './result-code.ts';
import { createRunner, rowsOf } from './statements.ts';

// Answers one query after the other, so that a slow one holds up no event loop. Every query is a read transaction of
// its own, which sees all that was committed before it began.

const port = parentPort;
if (!port) throw new Error('The reader runs as a worker thread only.');
let last: Promise<void> = Promise.resolve();

try {
  const connection = await readPatiently(() => new DatabaseSync(workerData as string, { readOnly: true, timeout: 0 }));
  const run = createRunner(connection);
  port.on('message', (message: ToThread<Query>) => {
    last = last.then(() => (message.kind === 'ask' ? answerAll(message.asked) : end()));
  });

  async function answerAll(asked: readonly [id: number, query: Query][]): Promise<void> {
    for (const [id, [text, parameters]] of asked) {
      send({ kind: 'answers', answers: [[id, await answer(text, parameters)]] });
    }
  }

  async function answer(...[text, parameters]: Query): Promise<QueryAnswer> {
    try {
      return { rows: await readPatiently(() => rowsOf(run(text, parameters))) };
    } catch (error) {
      return { failure: failureOf(error) };
    }
  }

  function end(): void {
    connection.close();
    port?.close();
  }

  send({ kind: 'ready' });
} catch (error) {
  send({ kind: 'unready', failure: failureOf(error) });
  port.close();
}

function send(message: FromThread<QueryAnswer>): void {
  port?.postMessage(message);
}
