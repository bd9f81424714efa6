// How many rows that are held out have a near duplicate among the others, by comparing each with each: `node leaks.ts FILE JSON`,
// where the JSON lists the places of the rows that are held out.
import { readFileSync } from 'node:fs';
import type { Entry } from '../../src/dataset/entry.ts';
import { jaccardFrom } from '../../src/dataset/near/jaccard.ts';
import { shingleHashes } from '../../src/dataset/near/shingles.ts';
import { documentOf } from '../../src/dataset/rows/document.ts';

const alike = 0.8;

const [path = '', list = '[]'] = process.argv.slice(2);
const lines = readFileSync(path, 'utf8')
  .split('\n')
  .filter((line) => line !== '');
const rows = lines.map((line) => shingleHashes(documentOf((JSON.parse(line) as Entry).messages)));
const heldOut = new Set(JSON.parse(list) as number[]);
const learned = rows.filter((_, at) => !heldOut.has(at));
const leaking = [...heldOut].filter((at) => {
  const row = rows[at];
  return row !== undefined && learned.some((other) => jaccardFrom(row, other, alike) >= alike);
});
console.log(String(leaking.length));
