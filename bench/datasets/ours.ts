// Our side of the bench: a process that takes a command per line as JSON and answers each with a line.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { findClusters } from '../../src/dataset/near/clusters.ts';
import { documentsOf, plantPair } from '../../src/dataset/near/fixtures/planted.ts';
import { shingleHashes } from '../../src/dataset/near/shingles.ts';
import { bandCount, bandsOf } from '../../src/dataset/near/signature.ts';
import { normaliseText } from '../../src/dataset/normalise.ts';
import type { Command, Deduplicated, Joined } from './protocol.ts';

const threshold = 0.8;

/** From texts to clusters as the build does it: shingles are not kept, what is compared is made again. */
function deduplicate(texts: readonly string[]): Deduplicated {
  const started = now();
  const documents = texts.map(normaliseText);
  const bands = new Uint32Array(documents.length * bandCount);
  for (const [index, text] of documents.entries()) bandsOf(shingleHashes(text), bands, index * bandCount);
  const signed = now();
  const shinglesOf = (index: number) => shingleHashes(documents[index] ?? '');
  const { root } = findClusters({ count: documents.length, bands, shinglesOf, threshold });
  const ended = now();
  return {
    seconds: ended.used - started.used,
    signing: signed.used - started.used,
    wall: ended.wall - started.wall,
    roots: [...root],
  };
}

/** Seconds of all threads, the garbage collector's too, and seconds that went by. */
function now(): { used: number; wall: number } {
  const { user, system } = process.cpuUsage();
  return { used: (user + system) / 1e6, wall: performance.now() / 1000 };
}

/** Plants pairs of a known similarity, of texts of all lengths, and says how many were joined and how many wrongly. */
function joinPlanted({ pairs, shared, lonely, first, threshold: least }: Extract<Command, { do: 'join' }>): Joined {
  const made = Array.from({ length: pairs }, (_, index) => {
    const times = 1 + ((first + index) % Math.floor(160 / shared));
    const alone = lonely * times;
    return plantPair(first + index, shared * times, alone, (first + index) % (alone + 1));
  });
  const documents = documentsOf(made.flatMap(({ texts }) => texts));
  const { edges } = findClusters({ ...documents, threshold: least });
  const right = edges.filter(({ a, b }) => a % 2 === 0 && b === a + 1).length;
  return { joined: right, wrong: edges.length - right };
}

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as Command;
  const answer =
    command.do === 'join'
      ? joinPlanted(command)
      : deduplicate((JSON.parse(readFileSync(command.file, 'utf8')) as { texts: string[] }).texts);
  console.log(JSON.stringify(answer));
}
