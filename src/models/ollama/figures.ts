import type { ProgressLine } from './wire.ts';

/** How far a transfer is. */
export interface Figures {
  /** Of the layers that Ollama has named so far; the largest comes first. */
  bytes: number;
  total: number;
  /** 0 to 100, whole. */
  percent: number;
  /** Over the last ten seconds; null until something has come. */
  bytesPerSecond: number | null;
  /** Null as long as the speed is unknown. */
  secondsLeft: number | null;
}

/** Makes figures of what Ollama says layer by layer. */
export interface Meter {
  /** `at` in ms, of a clock that never goes back. */
  add(line: ProgressLine, at: number): void;
  /** Null until a layer has been named. */
  figures(at: number): Figures | null;
}

interface Layer {
  total: number;
  completed: number;
}

const windowMs = 10_000;

/**
 * Creates a meter. What was there before, of a layer that is gone on with, counts as bytes, but not as speed: a layer's first
 * figures are where its measuring begins.
 */
export function createMeter(): Meter {
  const layers = new Map<string, Layer>();
  const gained: { at: number; bytes: number }[] = [];
  let begun: number | null = null;

  return {
    add({ digest, total, completed = 0 }, at) {
      if (digest === undefined || total === undefined) return;
      const known = layers.get(digest);
      layers.set(digest, { total, completed });
      begun ??= at;
      if (known) gained.push({ at, bytes: completed - known.completed });
    },
    figures(at) {
      if (layers.size === 0) return null;
      while (gained[0] && gained[0].at <= at - windowMs) gained.shift();
      const all = [...layers.values()];
      const bytes = sum(all.map(({ completed }) => completed));
      const total = sum(all.map((layer) => layer.total));
      const seconds = Math.min(at - (begun ?? at), windowMs) / 1000;
      const recent = sum(gained.map((gain) => gain.bytes));
      const bytesPerSecond = seconds > 0 && recent > 0 ? Math.round(recent / seconds) : null;
      const left = Math.max(0, total - bytes);
      return {
        bytes,
        total,
        percent: total === 0 ? 100 : Math.min(100, Math.floor((bytes / total) * 100)),
        bytesPerSecond,
        secondsLeft: bytesPerSecond === null ? null : Math.ceil(left / bytesPerSecond),
      };
    },
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}
