/** Where a contender answers. */
export interface Target {
  port: number;
  path: string;
  headers: Readonly<Record<string, string>>;
  model: string;
}

/** When parts of a stream came, in ms from the moment at which it was asked for. */
export interface Sample {
  /** The first byte of the body. */
  first: number;
  /** The last piece of text. */
  last: number;
  /** `[DONE]`. */
  done: number;
}

export type DriverCommand =
  | { do: 'streams'; target: Target; count: number; fsyncIn?: string }
  | { do: 'wholes'; target: Target; count: number }
  | { do: 'gaps'; target: Target; clients: number; seconds: number }
  | { do: 'load'; target: Target; clients: number; seconds: number };

export interface StreamResult {
  samples: Sample[];
  /** Times of a bare append and sync of 4 KiB, one after each stream, in ms. */
  fsyncs: number[];
}

export interface LoadResult {
  chatsPerSecond: number;
}

export interface GapsResult {
  /** Times between two pieces of text of one stream, in ms. */
  gaps: number[];
  /** Streams that came whole. */
  streams: number;
}
