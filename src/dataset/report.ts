import type { LeftOutRow, StageCounts } from '../core/dataset.ts';

/** How many ids of each reason a manifest names. */
const mostSamples = 5;

/** What one stage tells of its work. */
export interface StageReport {
  /** It was given so many. */
  took(count: number): void;
  /** It let one go. Reasons are `snake_case`; `of` is what it equals, contradicts or is overruled by. */
  drop(id: string, reason: string, of?: string): void;
  /** The same of a draft; its name is asked for when everything that was left out is listed. */
  dropDraft(draft: number, reason: string, of?: number): void;
  /** It made nothing of one, which is in another file of the version. */
  skip(id: string, reason: string): void;
  /** It changed so many of a kind. */
  changed(kind: string, count: number): void;
}

/** What all stages of a build did, in order. */
export interface Report {
  stage(name: string): StageReport;
  counts(): StageCounts[];
  /** Everything that was left out, by id. */
  leftOut(): LeftOutRow[];
}

/** What was left out, by its name or as a draft. */
interface Left {
  id: string | number;
  stage: string;
  reason: string;
  of: string | number | undefined;
}

/** Creates the report of a build; `nameOf` says the id of a draft. */
export function createReport(nameOf: (draft: number) => string): Report {
  const stages: StageCounts[] = [];
  const left: Left[] = [];
  const named = (one: string | number): string => (typeof one === 'number' ? nameOf(one) : one);
  return {
    stage(name) {
      const counts = { stage: name, in: 0, out: 0, dropped: {} } as StageCounts;
      stages.push(counts);
      const count = (id: string | number, reason: string): void => {
        counts.out -= 1;
        counts.dropped[reason] = (counts.dropped[reason] ?? 0) + 1;
        counts.samples ??= {};
        const samples = (counts.samples[reason] ??= []);
        if (samples.length < mostSamples) samples.push(named(id));
      };
      return {
        took(more) {
          counts.in += more;
          counts.out += more;
        },
        skip: count,
        drop(id, reason, of) {
          count(id, reason);
          left.push({ id, stage: name, reason, of });
        },
        dropDraft(draft, reason, of) {
          count(draft, reason);
          left.push({ id: draft, stage: name, reason, of });
        },
        changed(kind, more) {
          if (more === 0) return;
          counts.changed ??= {};
          counts.changed[kind] = (counts.changed[kind] ?? 0) + more;
        },
      };
    },
    counts: () => stages,
    leftOut() {
      const rows = left.map(
        ({ id, of, ...rest }): LeftOutRow => ({ id: named(id), ...rest, ...(of !== undefined && { of: named(of) }) }),
      );
      return rows.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
    },
  };
}
