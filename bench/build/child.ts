// Builds of chats that stand in files, in a process of their own, so that its memory is theirs alone: `node child.ts FILE`, with a list of
// tasks as JSON in the file. Prints what they took as such a list.
import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { recipeSchema } from '../../src/core/recipe.ts';
import { type Refined, runStages } from '../../src/dataset/engine.ts';
import type { Entry } from '../../src/dataset/entry.ts';
import type { Placed } from '../../src/dataset/leak-check.ts';
import { linesOf } from '../../src/dataset/lines.ts';
import { writeDataset } from '../../src/dataset/write.ts';
import { sampled } from './sampled.ts';
import type { Built, Task } from './task.ts';

const lineFeed = 10;
const group = 64;
/** Groups that are read together, since to look at the processor's time takes some of it. */
const groupsAtOnce = 4;

/** Seconds of a processor, of all threads. */
function used(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** How much is read at once, in bytes; no line is longer. */
const chunkBytes = 2 ** 20;

/** The chats of a file, so many at a time. No thread reads on meanwhile, whose work would count to what is measured. */
function* chatsIn(file: string, most: number): Generator<Entry[]> {
  const opened = openSync(file, 'r');
  const chunk = Buffer.allocUnsafeSlow(chunkBytes);
  let entries: Entry[] = [];
  let [from, to] = [0, 0];
  for (;;) {
    const end = chunk.subarray(0, to).indexOf(lineFeed, from);
    if (end >= 0) {
      entries.push(JSON.parse(chunk.toString('utf8', from, end)) as Entry);
      from = end + 1;
      if (entries.length < most) continue;
      yield entries;
      entries = [];
      continue;
    }
    chunk.copyWithin(0, from, to);
    to -= from;
    from = 0;
    const some = readSync(opened, chunk, to, chunk.length - to, null);
    if (some === 0) break;
    to += some;
  }
  closeSync(opened);
  if (to > 0) throw new Error(`${file} has a line of more than ${chunkBytes} bytes, or one that does not end`);
  if (entries.length > 0) yield entries;
}

/** The chats of the files in groups; how much of the processor reading them took is left out of the figures. */
async function* read(files: readonly string[], spent: { reading: number }): AsyncGenerator<Entry[]> {
  for (const file of files) {
    const chats = chatsIn(file, group * groupsAtOnce);
    for (;;) {
      const since = used();
      const { value: entries, done } = chats.next();
      spent.reading += used() - since;
      if (done === true) break;
      for (let at = 0; at < entries.length; at += group) yield entries.slice(at, at + group);
    }
  }
}

async function build(task: Task): Promise<Built> {
  const { files, settings, cacheDir, cacheFrom, folder, items, places, sampled: isSampled } = task;
  if (cacheDir !== null && cacheFrom !== undefined) cpSync(cacheFrom, cacheDir, { recursive: true });
  // What was written before goes to the disk first, and not while this is measured.
  execFileSync('sync');
  const scratch = mkdtempSync(join(folder, 'build-'));
  const { build: options } = recipeSchema.parse({ name: 'bench', base: 'b', build: settings });
  const spent = { reading: 0 };
  const engine = { build: options, items, threads: 0, cacheDir, ofBase: new Set<string>(), tombstones: [], scratch };
  const run = async (): Promise<{ refined: Refined; took: number }> => {
    const started = used();
    const refined = await runStages(read(files, spent), engine);
    return { refined, took: used() - started };
  };
  const [{ refined, took }, apart] = isSampled ? await sampled(run) : [await run(), null];
  const staged = used();
  const { placed, textsOf, joins, stages, leftOut, leaks } = refined;
  const lines = linesOf({ placed, textsOf, weights: options.weights, leftOut, joins });
  const facts = { name: 'bench', recipe: 'r', collection: 'c', signals: {}, stages, ...(leaks && { leaks }) };
  const { digest } = await writeDataset(join(scratch, 'out'), lines, facts);
  const written = used();
  refined.close();
  rmSync(scratch, { recursive: true });
  if (cacheDir !== null && cacheFrom !== undefined) rmSync(cacheDir, { recursive: true });
  return {
    rows: stages[0]?.in ?? 0,
    kept: placed.length,
    stages: took - spent.reading,
    ...(apart && { compute: took * (1 - apart.writing - apart.hashing) - spent.reading }),
    writing: written - staged,
    reading: spent.reading,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
    digest,
    leaks,
    ...(places && { places: placesOf([...placed]) }),
  };
}

function placesOf(placed: readonly Placed[]): NonNullable<Built['places']> {
  const numberOf = ({ draft }: Placed): number => Number(draft.id.slice(1, 10));
  return { kept: placed.map(numberOf), heldOut: placed.filter(({ split }) => split !== 'train').map(numberOf) };
}

const tasks = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Task[];
const built: Built[] = [];
for (const task of tasks) built.push(await build(task));
console.log(JSON.stringify(built));
