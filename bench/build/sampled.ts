import { type Profiler, Session } from 'node:inspector/promises';

/** Between two samples, in µs. With four times as many, sampling took a tenth of a build's time or more. */
const interval = 2_000;

/** A function of a file; of all files of Node where the file is `node:…`. */
type Frame = readonly [file: string, name: string];

/** Spooling, and keeping for the next build: with the JSON that is made for it. Reading is not of it. */
const writing: readonly Frame[] = [
  ['src/dataset/spool.ts', 'add'],
  ['src/dataset/shingle-spool.ts', 'add'],
  ['src/dataset/shingle-spool.ts', 'addAll'],
  ['src/dataset/byte-spool.ts', 'add'],
  ['src/dataset/byte-spool.ts', 'flush'],
  ['src/dataset/rows/segments.ts', 'add'],
  ['src/dataset/rows/block-file.ts', 'add'],
  ['src/dataset/rows/block-file.ts', 'addFrom'],
  ['src/dataset/rows/block-file.ts', 'close'],
  ['src/dataset/rows/cache.ts', 'commit'],
  ['src/dataset/compared.ts', 'keep'],
  ['src/dataset/findings.ts', 'writeFindings'],
];
/** What names a row's content, with the JSON that is made for it; SHA-256 and SHAKE128 of anything else, and check sums. */
const hashing: readonly Frame[] = [
  ['src/dataset/rows/cache.ts', 'messagesJson'],
  ['src/dataset/rows/cache.ts', 'contentKeyOf'],
  ['node:internal/crypto/hash', 'hash'],
  ['node:zlib', 'crc32'],
];

/** Shares of a piece of work, by V8's samples of what runs. What waits is left out. */
export interface Sampled {
  writing: number;
  hashing: number;
}

/** Runs something and says what share of its time writing and hashing took. */
export async function sampled<T>(work: () => Promise<T>): Promise<[T, Sampled]> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval });
  await session.post('Profiler.start');
  const result = await work();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  return [result, sharesOf(profile)];
}

function sharesOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Sampled {
  const own = new Map<number, number>();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  let last = nodes[0]?.id ?? 0;
  for (const [at, id] of samples.entries()) {
    // Garbage is collected when there is no room for what is asked for: it counts to who asked, as Chrome's own view of a profile has it.
    if (byId.get(id)?.callFrame.functionName !== '(garbage collector)') last = id;
    own.set(last, (own.get(last) ?? 0) + (timeDeltas[at] ?? 0));
  }
  const sums = { writing: 0, hashing: 0, other: 0 };
  const add = (id: number, within: keyof typeof sums): void => {
    const node = byId.get(id);
    if (!node || isApart(node)) return;
    const kind = within === 'other' ? kindOf(node) : within;
    sums[kind] += own.get(id) ?? 0;
    for (const child of node.children ?? []) add(child, kind);
  };
  add(nodes[0]?.id ?? 0, 'other');
  const all = sums.writing + sums.hashing + sums.other;
  return { writing: sums.writing / all, hashing: sums.hashing / all };
}

/** What is not of the work: waiting, and what takes the samples. */
function isApart({ callFrame: { url, functionName } }: Profiler.ProfileNode): boolean {
  return functionName === '(idle)' || url === 'node:inspector';
}

function kindOf({ callFrame: { url, functionName } }: Profiler.ProfileNode): keyof Sampled | 'other' {
  const isIn = (frames: readonly Frame[]): boolean =>
    frames.some(([file, name]) => functionName === name && url.endsWith(file));
  return isIn(writing) ? 'writing' : isIn(hashing) ? 'hashing' : 'other';
}
