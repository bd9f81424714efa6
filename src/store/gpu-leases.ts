import { sql } from 'kysely';
import type { GpuLease, LeaseUse } from '../core/gpu.ts';
import { type Database, statement } from './database.ts';
import { now } from './ids.ts';
import type { GpuLeaseTable } from './schema.ts';
import type { GpuLeaseStore } from './gpu-lease-types.ts';

/** Who uses which GPU. That nobody shares one is the schema's doing, and what has lapsed is by the database's clock. */
export function createGpuLeaseStore(database: Database): GpuLeaseStore {
  const { build, clock, read, write } = database;
  const expiry = (ttlMs: number) => sql<number>`${clock} + ${sql.lit(Math.round(ttlMs))}`;
  const leases = () => build.selectFrom('gpu_lease').selectAll();

  return {
    async take({ host, device, owner, holder, cycleId, step, pid, expectedEnd, ttlMs }) {
      const row = { owner, holder, cycle_id: cycleId ?? '', step, pid, acquired_at: now(), expected_end: expectedEnd };
      const take = build
        .insertInto('gpu_lease')
        .values({ host, device, ...row, expires_at: expiry(ttlMs) })
        .onConflict((conflict) =>
          conflict
            .columns(['host', 'device'])
            .doUpdateSet({ ...row, expires_at: expiry(ttlMs) })
            .where((eb) => eb.or([eb('gpu_lease.expires_at', '<=', clock), eb('gpu_lease.owner', '=', owner)])),
        );
      for (;;) {
        await write([statement(take)]);
        const [held] = await read(leases().where('host', '=', host).where('device', '=', device));
        // Somebody who had it may have given it back just now.
        if (held) return toLease(held);
      }
    },
    async renew({ host, device }, holder, { ttlMs, expectedEnd }) {
      const renewal = build
        .updateTable('gpu_lease')
        .set({ expires_at: expiry(ttlMs), ...(expectedEnd !== undefined && { expected_end: expectedEnd }) })
        .where('host', '=', host)
        .where('device', '=', device)
        .where('holder', '=', holder);
      const [result] = await write([statement(renewal)]);
      return result?.affected === 1;
    },
    async release({ host, device }, holder) {
      const gone = build
        .deleteFrom('gpu_lease')
        .where('host', '=', host)
        .where('device', '=', device)
        .where('holder', '=', holder);
      await write([statement(gone)]);
    },
    held: async () =>
      (await read(leases().where('expires_at', '>', clock).orderBy('host').orderBy('device'))).map(toLease),
  };
}

function toLease(row: GpuLeaseTable): GpuLease {
  return {
    host: row.host,
    device: row.device,
    owner: row.owner,
    holder: row.holder,
    cycleId: row.cycle_id === '' ? null : row.cycle_id,
    step: row.step as LeaseUse,
    pid: row.pid,
    acquiredAt: row.acquired_at,
    expiresAt: row.expires_at,
    expectedEnd: row.expected_end,
  };
}
