/** What has to be known of an event to tell whether it still counts. */
interface Event {
  id: string;
  createdAt: number;
  /** Id of the event that this one takes back. */
  undoes?: string | undefined;
}

/**
 * The events that count: none that was taken back, and none that only takes back. Taking back can be taken back too. Events
 * come in any order, and the order is kept.
 */
export function standing<E extends Event>(events: readonly E[]): E[] {
  const undone = new Set<string>();
  // Who takes back comes later, so that the newest are certain.
  for (const { id, undoes } of [...events].sort(newestFirst)) {
    if (undoes !== undefined && !undone.has(id)) undone.add(undoes);
  }
  return events.filter(({ id, undoes }) => undoes === undefined && !undone.has(id));
}

function newestFirst(a: Event, b: Event): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.id < b.id ? 1 : -1;
}
