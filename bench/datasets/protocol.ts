/** What a contender is asked. `file` holds `{"texts": […]}`. */
export type Command =
  | { do: 'deduplicate'; file: string }
  /** `pairs` pairs from number `first` on, whose sets share `shared` and have `lonely` alone, or as many times both. */
  | { do: 'join'; pairs: number; first: number; shared: number; lonely: number; threshold: number };

/** The clusters of a corpus: texts with an equal root are in one. */
export interface Deduplicated {
  /** Of a processor, by all threads, from texts in memory to clusters. What else runs on the machine does not count. */
  seconds: number;
  /** Of these, until all had their signatures. */
  signing: number;
  /** Seconds that went by meanwhile. */
  wall: number;
  roots: number[];
}

export interface Joined {
  joined: number;
  /** Pairs that were joined although nothing made them alike. */
  wrong: number;
}
