import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

// Brings the whole log into the database file and cuts it to nothing. It waits for readers, so it has its own thread.

const connection = new DatabaseSync(workerData as string, { timeout: 5000 });
connection.exec('PRAGMA secure_delete = ON');
const row = connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
connection.close();
parentPort?.postMessage(row?.busy === 0);
