import type { Pool } from "../../allocation/pool.ts";
import { isObject } from "../../cni/json.ts";
import type { Address } from "../../ip/address.ts";
import { IntervalSet } from "../../ip/interval-set.ts";
import type { IPAllocation, IPPool } from "../../kube/objects.ts";
import { addressAt, type Entry, offsetOf } from "./entry.ts";
import { deepEqual } from "./patch.ts";

/** What an update of a pool object changed. */
export type Diff = { readonly gone: readonly Entry[]; readonly come: readonly Entry[] };

/** One pool object as last seen, ready for planning: entries by offset and the addresses in use as runs. */
export class PoolRecord {
  readonly pool: Pool;
  readonly name: string;
  /** Why nothing can be allocated here: the object contradicts its name. What it holds can be given back. */
  readonly fault: string | undefined;
  readonly used = new IntervalSet();
  readonly #entries = new Map<string, Entry>();
  /** Offsets that mean no address of the range: left as they are, and reported. */
  readonly #odd = new Set<string>();
  /** Offsets with something that is no record: no CRD need forbid that. Nobody gets the address; a person has to look. */
  readonly #broken = new Map<string, Address>();
  #object: IPPool;

  constructor(pool: Pool, object: IPPool, fault?: string) {
    this.pool = pool;
    this.fault = fault;
    this.name = object.metadata.name;
    this.#object = { ...object, spec: { ...object.spec, allocations: {} } };
  }

  get object(): IPPool {
    return this.#object;
  }

  get odd(): readonly string[] {
    return [...this.#odd].sort();
  }

  get broken(): readonly string[] {
    return [...this.#broken.keys()];
  }

  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  at(address: Address): IPAllocation | undefined {
    return this.#entries.get(offsetOf(this.pool, address))?.allocation;
  }

  /** Takes over the object. The cost is a look at each allocation; work is done for those that differ only. */
  update(object: IPPool): Diff {
    const gone: Entry[] = [];
    const come: Entry[] = [];
    const next: { readonly [offset: string]: IPAllocation } = object.spec.allocations ?? {};
    for (const [offset, entry] of this.#entries) {
      const now = next[offset];
      if (now !== undefined && deepEqual(now, entry.allocation)) continue;
      gone.push(entry);
      this.#entries.delete(offset);
      this.used.delete(entry.address.value);
    }
    this.#odd.clear();
    for (const { value } of this.#broken.values()) this.used.delete(value);
    this.#broken.clear();
    for (const offset in next) {
      const allocation = next[offset];
      if (allocation === undefined || this.#entries.has(offset)) continue;
      const address = addressAt(this.pool, offset);
      if (address === undefined) {
        this.#odd.add(offset);
        continue;
      }
      this.used.add(address.value);
      if (!isObject(allocation)) {
        this.#broken.set(offset, address);
        continue;
      }
      const entry = { address, allocation };
      come.push(entry);
      this.#entries.set(offset, entry);
    }
    this.#object = object;
    return { gone, come };
  }
}
