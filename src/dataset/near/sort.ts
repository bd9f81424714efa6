/** Buckets by the highest bits: hashes are spread evenly, so that one of them holds about two of a usual text's 170. */
const bucketBits = 7;
const bucketCount = 1 << bucketBits;
const shift = 32 - bucketBits;
/** Above this the runtime's own sort is as fast. */
const most = 1024;
const ends = new Uint32Array(bucketCount);
const placed = new Uint32Array(most);

/** The hashes sorted, each once, in a new array. The order of the input is lost. */
export function sortUnique(hashes: Uint32Array): Uint32Array {
  if (hashes.length > most) return firstOfEach(hashes.sort());
  return firstOfEach(sortByBuckets(hashes));
}

/** A counting sort by the highest bits, then insertion within what is nearly sorted. */
function sortByBuckets(hashes: Uint32Array): Uint32Array {
  const { length } = hashes;
  ends.fill(0);
  for (let at = 0; at < length; at += 1) (ends[(hashes[at] as number) >>> shift] as number)++;
  let sum = 0;
  for (let bucket = 0; bucket < bucketCount; bucket += 1) {
    sum += ends[bucket] as number;
    ends[bucket] = sum;
  }
  for (let at = 0; at < length; at += 1) {
    const hash = hashes[at] as number;
    const bucket = hash >>> shift;
    const to = (ends[bucket] as number) - 1;
    ends[bucket] = to;
    placed[to] = hash;
  }
  for (let at = 1; at < length; at += 1) {
    const hash = placed[at] as number;
    let to = at;
    for (; to > 0 && (placed[to - 1] as number) > hash; to -= 1) placed[to] = placed[to - 1] as number;
    placed[to] = hash;
  }
  return placed.subarray(0, length);
}

function firstOfEach(sorted: Uint32Array): Uint32Array {
  let count = 0;
  for (let at = 0; at < sorted.length; at += 1) {
    const hash = sorted[at] as number;
    if (count === 0 || hash !== sorted[count - 1]) sorted[count++] = hash;
  }
  return sorted.slice(0, count);
}
