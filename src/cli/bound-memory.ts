import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Committed for young objects, in bytes: as with `--max-semi-space-size=8`. */
const enough = 16 * 2 ** 20;
/** Bounds the making of objects that the space grows by. */
const mostRounds = 400;
const objectsInRound = 2_000;
const keptRounds = 64;

/**
 * Keeps V8 from taking memory because the machine has it: left alone, it lets the heap grow to three times of what is in use
 * before it looks. The settings that a process can be started with do the same, but not every way to start this one can
 * give them.
 */
export function boundMemory(): void {
  setFlagsFromString('--heap-growing-percent=30');
}

/**
 * Gives back what starting took, which is half of what a gateway holds afterwards, and sets the space for young objects.
 * Calls make many objects that live for one call; left alone, V8 lets their space grow to 48 MB, and it grows only while it
 * is let. Takes some 60 ms: call it once, when all is loaded.
 */
export function settleMemory(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  // As V8 does before it gives up for want of memory: that gives back what it can, the space for young objects too.
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  growYoungSpace();
  keepYoungSpace();
  collect({ type: 'major', execution: 'sync' });
}

/**
 * Lets the space for young objects grow again when V8 took of it, as it does when little was made for a while, and no further
 * than it was. Where it stays small, what lives for one call is moved to the old, and a call takes twice the time.
 */
function keepYoungSpace(): void {
  let factor = 0;
  const set = (): void => {
    const wanted = youngSpace() > enough / 2 ? 1 : 2;
    if (wanted === factor) return;
    factor = wanted;
    setFlagsFromString(`--semi-space-growth-factor=${factor}`);
  };
  set();
  new PerformanceObserver(set).observe({ entryTypes: ['gc'] });
}

/** The space grows when enough of what is in it survives. */
function growYoungSpace(): void {
  let surviving: object[][] = [];
  for (let round = 0; round < mostRounds && youngSpace() < enough; round += 1) {
    surviving.push(Array.from({ length: objectsInRound }, () => ({})));
    // What survives for long is moved to the old, which need not grow as well.
    if (round % keptRounds === keptRounds - 1) surviving = [];
  }
}

function youngSpace(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? enough;
}
