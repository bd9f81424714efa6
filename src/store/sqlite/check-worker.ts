import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

// `integrity_check` reads the whole file: in a thread of its own it holds up nobody.

const connection = new DatabaseSync(workerData as string, { readOnly: true, timeout: 5000 });
const rows = connection.prepare('PRAGMA integrity_check(10)').all();
connection.close();
parentPort?.postMessage(rows.map((row) => String(row.integrity_check)));
