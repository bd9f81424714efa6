import type { JsonObject } from '../../core/canonical.ts';

/** Some rows of a table, by their numbers from 0 on, `to` excluded. */
export interface RowsRequest {
  from: number;
  to: number;
  /** All unless given. */
  columns?: string[];
}

/** Rows that were written together. */
export interface ParquetGroup {
  rows: number;
  /** Before packing. */
  bytes: number;
  /** What is held at once to read any of its rows, in bytes. */
  held: number;
  /** Whether it may hold as many rows as it says. */
  isWhole: boolean;
}

export interface ParquetTable {
  names: string[];
  groups: ParquetGroup[];
}

export type ToWorker =
  | { kind: 'table' }
  | ({ kind: 'rows' } & RowsRequest)
  | { kind: 'bytes'; id: number; bytes: ArrayBuffer };

export type FromWorker =
  | { kind: 'need'; id: number; from: number; to: number }
  | ({ kind: 'table' } & ParquetTable)
  | { kind: 'rows'; rows: JsonObject[] }
  | { kind: 'fault'; fault: string };
