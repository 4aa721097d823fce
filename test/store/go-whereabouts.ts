import type { Clock } from "../../src/clock.ts";
import { sleep } from "../../src/clock.ts";
import { type Address, addressOf, formatAddress } from "../../src/ip/address.ts";
import { type Cidr, formatCidr, lastOf, parseCidr } from "../../src/ip/cidr.ts";
import type { KubeClient } from "../../src/kube/api.ts";
import { poolName, reservationName } from "../../src/kube/names.ts";
import {
  apiVersionOf,
  IP_POOLS,
  type IPPool,
  type OverlappingRangeIPReservation,
  RESERVATIONS,
} from "../../src/kube/objects.ts";
import type { Turns } from "../../src/turns.ts";

const TRIES = 100;

/** One pod's interface, as the Go plugin knows it. */
export type GoCall = { readonly podref: string; readonly ifname: string; readonly id: string };

/**
 * The reads and writes of Go whereabouts, in its order: a patch that tests the pool's resourceVersion, then the
 * reservation. Its cluster-wide lock is one object for all that share it. Node slices are left out.
 */
export class GoWhereabouts {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #lock: Turns;
  readonly #overlapCheck: boolean;

  /** `overlapCheck`: enable_overlapping_ranges. */
  constructor(client: KubeClient, clock: Clock, lock: Turns, overlapCheck: boolean) {
    this.#overlapCheck = overlapCheck;
    this.#client = client;
    this.#clock = clock;
    this.#lock = lock;
  }

  /** The address, or undefined where the Go plugin returns an error. */
  add(call: GoCall, range: string): Promise<Address | undefined> {
    return this.#lock.take("whereabouts", () => this.#add(call, network(range)));
  }

  /** True: the pool holds nothing of that interface any more. */
  del(call: GoCall, range: string): Promise<boolean> {
    return this.#lock.take("whereabouts", () => this.#del(call, network(range)));
  }

  async #add({ podref, ifname, id }: GoCall, range: Cidr): Promise<Address | undefined> {
    const elsewhere = new Set<bigint>();
    for (let tries = 0; tries < TRIES; tries++) {
      const pool = await this.#pool(range);
      if (!pool) continue;
      const { allocations } = pool.spec;
      const own = Object.entries(allocations).find(
        ([, held]) => held.podref === podref && held.ifname === ifname,
      );
      const value = own ? range.base + BigInt(own[0]) : lowest(range, allocations, elsewhere);
      if (value === undefined) return undefined;
      const address = addressOf(range.family, value);
      const reserved = this.#overlapCheck ? await this.#reservation(address) : undefined;
      if (reserved && reserved.spec.podref !== podref) {
        elsewhere.add(value);
        continue;
      }
      const path = `/spec/allocations/${value - range.base}`;
      const allocation = { id, podref, ifname };
      const patched = await this.#client.patch(IP_POOLS, pool.metadata as Named, {
        type: "json",
        patch: [
          { op: "test", path: "/metadata/resourceVersion", value: pool.metadata.resourceVersion },
          ...(own ? [] : [{ op: "test", path, value: null } as const]),
          { op: own ? "replace" : "add", path, value: allocation },
        ],
      });
      if (!patched.ok) {
        if (patched.error.code !== "invalid") return undefined;
        await sleep(this.#clock, 1);
        continue;
      }
      if (reserved || !this.#overlapCheck) return address;
      const created = await this.#client.create(RESERVATIONS, {
        apiVersion: apiVersionOf(RESERVATIONS),
        kind: RESERVATIONS.kind,
        metadata: { name: reservationName("", address), namespace: this.#client.namespace },
        spec: { podref, ifname },
      });
      return created.ok ? address : undefined;
    }
    return undefined;
  }

  async #del({ id, ifname }: GoCall, range: Cidr): Promise<boolean> {
    for (let tries = 0; tries < TRIES; tries++) {
      const pool = await this.#pool(range);
      if (!pool) continue;
      const own = Object.entries(pool.spec.allocations).find(
        ([, held]) => held.id === id && held.ifname === ifname,
      );
      if (!own) return true;
      const patched = await this.#client.patch(IP_POOLS, pool.metadata as Named, {
        type: "json",
        patch: [
          { op: "test", path: "/metadata/resourceVersion", value: pool.metadata.resourceVersion },
          { op: "remove", path: `/spec/allocations/${own[0]}` },
        ],
      });
      if (patched.ok && !this.#overlapCheck) return true;
      if (patched.ok) {
        const name = reservationName("", addressOf(range.family, range.base + BigInt(own[0])));
        await this.#client.delete(RESERVATIONS, { name, namespace: this.#client.namespace });
        return true;
      }
    }
    return false;
  }

  /** The pool; undefined right after it had to be made. */
  async #pool(range: Cidr): Promise<IPPool | undefined> {
    const name = poolName({ networkName: "", range });
    const { namespace } = this.#client;
    const found = await this.#client.get(IP_POOLS, { name, namespace });
    if (found.ok) return found.value;
    await this.#client.create(IP_POOLS, {
      apiVersion: apiVersionOf(IP_POOLS),
      kind: IP_POOLS.kind,
      metadata: { name, namespace },
      spec: { range: formatCidr(range), allocations: {} },
    });
    return undefined;
  }

  async #reservation(address: Address): Promise<OverlappingRangeIPReservation | undefined> {
    const name = reservationName("", address);
    const found = await this.#client.get(RESERVATIONS, { name, namespace: this.#client.namespace });
    return found.ok ? found.value : undefined;
  }
}

type Named = { readonly name: string; readonly namespace: string };

function lowest(
  range: Cidr,
  held: IPPool["spec"]["allocations"],
  elsewhere: Set<bigint>,
): bigint | undefined {
  for (let value = range.base + 1n; value < lastOf(range); value++) {
    if (held[String(value - range.base)] === undefined && !elsewhere.has(value)) return value;
  }
  return undefined;
}

function network(range: string): Cidr {
  const parsed = parseCidr(range);
  if (!parsed.ok) throw new Error(`${range}: ${parsed.error.hint}`);
  return parsed.value;
}

export function describe(address: Address | undefined): string {
  return address ? formatAddress(address) : "refused";
}
