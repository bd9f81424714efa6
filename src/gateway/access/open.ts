import type { Millis, Store } from '../../store/types.ts';
import { type KeyDesk, createKeyDesk } from './desk.ts';
import { type Access, createAccess } from './keys.ts';
import { type AccessLimits, createLimits } from './limits.ts';

/** All that keys and teams mean to one API process. */
export interface Doors {
  access: Access;
  limits: AccessLimits;
  desk: KeyDesk;
  /** Call it before the store is closed. */
  close(): Promise<void>;
}

export interface DoorsOptions {
  store: Pick<Store, 'keys' | 'usage'>;
  /** RATCHET_API_KEY. */
  rootKey: string | null;
  log: { warn(facts: object, message: string): void };
  now?: () => Millis;
  /** Milliseconds that never run backwards. */
  clock?: () => number;
}

/** Opens them. Throws StoreUnavailable when keys or usage cannot be read. */
export async function openDoors({ store, rootKey, log, now = Date.now, clock }: DoorsOptions): Promise<Doors> {
  const access = await createAccess({ keys: store.keys, rootKey, log, now });
  const limits = await createLimits({ access, usage: store.usage, log, now, ...(clock && { clock }) });
  const desk = createKeyDesk({ keys: store.keys, access, hasRootKey: rootKey !== null, onChange: limits.refresh });
  return {
    access,
    limits,
    desk,
    async close() {
      limits.close();
      await access.close();
    },
  };
}
