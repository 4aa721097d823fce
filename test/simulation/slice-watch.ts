import type { Pool } from "../../src/allocation/pool.ts";
import type { Address } from "../../src/ip/address.ts";
import { type Cidr, formatCidr, lastOf } from "../../src/ip/cidr.ts";
import { poolName } from "../../src/kube/names.ts";
import { NODE_SLICE_POOLS, type NodeSlicePool } from "../../src/kube/objects.ts";
import { readSlicePool, type SlicePool } from "../../src/store/kubernetes/slices/slice-pools.ts";
import type { ObjectStore } from "../apiserver/store.ts";
import { type Holding, nameOf } from "./violation.ts";

const SLICE_POOLS = `${NODE_SLICE_POOLS.group}/${NODE_SLICE_POOLS.plural}`;

/** A slice as its node's pool: the node is known. */
type Owned = Pool & { readonly node: string };

/** Whose slices are whose, held against every write of the controller. */
export class SliceWatch {
  readonly #fail: (rule: string, message: string) => void;
  readonly #users: (pool: string) => Iterable<Holding>;
  readonly #pools = new Map<string, readonly Owned[]>();
  readonly #byNode = new Map<string, Owned[]>();

  /** `users`: who uses addresses of an IPPool. */
  constructor(
    store: ObjectStore,
    fail: (rule: string, message: string) => void,
    users: (pool: string) => Iterable<Holding>,
  ) {
    this.#fail = fail;
    this.#users = users;
    store.listen(SLICE_POOLS, ({ type, object }) => {
      const pool = readSlicePool(object as unknown as NodeSlicePool);
      if (pool) this.#changed(pool.name, type === "DELETED" ? [] : ownedIn(pool));
    });
  }

  /** The slice of a node that an address lies in. */
  of(node: string, networkName: string, { family, value }: Address): Pool | undefined {
    return this.#byNode
      .get(node)
      ?.find(
        ({ range, networkName: realm }) =>
          realm === networkName && range.family === family && range.base <= value && value <= lastOf(range),
      );
  }

  /** Slices that are given out. */
  get count(): number {
    return this.#all().length;
  }

  #all(): Owned[] {
    return [...this.#pools.values()].flat();
  }

  #changed(name: string, now: readonly Owned[]): void {
    const before = this.#pools.get(name) ?? [];
    this.#pools.set(name, now);
    const all = this.#all();
    this.#byNode.clear();
    for (const slice of all) {
      const others = this.#byNode.get(slice.node);
      if (others) others.push(slice);
      else this.#byNode.set(slice.node, [slice]);
    }
    this.#checkApart(all);
    const there = new Set(all.map((slice) => poolName(slice)));
    for (const slice of before) {
      const pool = poolName(slice);
      if (there.has(pool)) continue;
      for (const holding of this.#users(pool))
        this.#fail(
          "own slice",
          `${formatCidr(slice.range)} is taken from ${slice.node}, where ${nameOf(holding)} uses ${holding.text}`,
        );
    }
  }

  /** Within a realm slices do not overlap; two attachments of a node may share one. */
  #checkApart(all: readonly Owned[]): void {
    const key = ({ networkName, range }: Owned) => `${networkName}\n${range.family}`;
    const sorted = all.toSorted((a, b) =>
      key(a) === key(b) ? compare(a.range, b.range) : key(a) < key(b) ? -1 : 1,
    );
    for (const [index, slice] of sorted.entries()) {
      const next = sorted[index + 1];
      if (!next || key(next) !== key(slice) || lastOf(slice.range) < next.range.base) continue;
      if (poolName(slice) === poolName(next)) continue;
      this.#fail(
        "own slice",
        `${formatCidr(slice.range)} of ${slice.node} and ${formatCidr(next.range)} of ${next.node} overlap`,
      );
    }
  }
}

function ownedIn({ realm, slices }: SlicePool): Owned[] {
  return slices.flatMap(({ node, range }) =>
    node === "" ? [] : [{ networkName: realm ?? "", node, range }],
  );
}

function compare(a: Cidr, b: Cidr): number {
  return a.base < b.base ? -1 : a.base > b.base ? 1 : 0;
}
