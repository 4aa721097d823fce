import type { Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import { type Pool, poolCapacity, poolSpace } from "../allocation/pool.ts";
import { type Finding, findingsOf } from "../inspect/findings.ts";
import { firstAtLeast } from "../inspect/map.ts";
import { type Network, type PoolRules, rulesOf } from "../inspect/networks.ts";
import { poolRecord } from "../inspect/records.ts";
import { formatAddress } from "../ip/address.ts";
import { type Cidr, lastOf } from "../ip/cidr.ts";
import { countOf } from "../ip/interval.ts";
import type { PoolUsage } from "../store/store.ts";
import type { PoolSummary } from "./api.ts";

/** One pool as it was read. */
export type PoolState = {
  readonly pool: Pool;
  readonly summary: PoolSummary;
  readonly rules: PoolRules | undefined;
  /** Ascending by address. */
  readonly claims: readonly Claim[];
};

/** What a store said, in the shapes in which the page asks for it. */
export class Snapshot {
  readonly revision: string;
  readonly claims: readonly Claim[];
  readonly pools: ReadonlyMap<string, PoolState>;
  readonly findings: readonly Finding[];
  readonly pods: number;
  readonly nodes: number;
  #texts: readonly string[] | undefined;

  private constructor(parts: Pick<Snapshot, "revision" | "pools" | "findings" | "pods" | "nodes">) {
    this.revision = parts.revision;
    this.pools = parts.pools;
    this.findings = parts.findings;
    this.pods = parts.pods;
    this.nodes = parts.nodes;
    this.claims = [...parts.pools.values()].flatMap(({ claims }) => claims);
  }

  static empty(): Snapshot {
    return new Snapshot({ revision: "0", pools: new Map(), findings: [], pods: 0, nodes: 0 });
  }

  /** From everything at one moment; `claims` in the order of a store: by pool and address. */
  static of(
    revision: string,
    claims: readonly Claim[],
    usage: readonly PoolUsage[],
    networks: readonly Network[],
    now: number,
  ): Snapshot {
    const byPool = Map.groupBy(claims, ({ pool }) => poolSpace(pool));
    const states = usage.map((one) => stateOf(one, byPool.get(poolSpace(one.pool)) ?? [], networks));
    const ofPods = claims.filter(({ owner }) => owner.pod.name !== "");
    return new Snapshot({
      revision,
      pools: new Map(states.map((state) => [state.summary.id, state])),
      findings: findingsOf({ claims, pools: usage, networks, now }),
      pods: new Set(ofPods.map(({ owner }) => `${owner.pod.namespace}/${owner.pod.name}`)).size,
      nodes: new Set(ofPods.map(({ node }) => node)).size,
    });
  }

  /** With some pools as they are now. What is counted over all of them waits for the next whole reading. */
  with(
    revision: string,
    changed: readonly { readonly usage: PoolUsage; readonly claims: readonly Claim[] }[],
    networks: readonly Network[],
  ): Snapshot {
    const pools = new Map(this.pools);
    for (const { usage, claims } of changed)
      pools.set(poolSpace(usage.pool), stateOf(usage, claims, networks));
    const { findings, pods, nodes } = this;
    return new Snapshot({ revision, pools, findings, pods, nodes });
  }

  /** Claims whose address, pod, node or network has all the words, in order of pool and address, from the offset on; and how many there are. */
  search(
    text: string,
    offset: number,
    limit: number,
  ): { readonly found: readonly Claim[]; readonly total: number } {
    const words = text
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== "");
    if (words.length === 0) return { found: [], total: 0 };
    this.#texts ??= this.claims.map(searchText); // only the first search after a change pays for it
    const found: Claim[] = [];
    let total = 0;
    for (const [index, candidate] of this.#texts.entries()) {
      if (!words.every((word) => candidate.includes(word))) continue;
      total++;
      const claim = this.claims[index];
      if (claim && total > offset && found.length < limit) found.push(claim);
    }
    return { found, total };
  }

  /** Pools that share addresses with this one, and a realm. */
  overlapping({ pool }: PoolState): readonly PoolState[] {
    const { range, networkName } = pool;
    return [...this.pools.values()].filter(({ pool: other }) => {
      const isOther =
        other !== pool && other.networkName === networkName && other.range.family === range.family;
      return isOther && other.range.base <= lastOf(range) && range.base <= lastOf(other.range);
    });
  }

  /** What other pools hold of a part of this one and this one may not give, ascending by address. */
  elsewhere(state: PoolState, block: Cidr): readonly Claim[] {
    return this.overlapping(state)
      .flatMap((other) => this.inBlock(other, block))
      .filter(({ overlapCheck }) => overlapCheck)
      .toSorted((a, b) => (a.address.value < b.address.value ? -1 : 1));
  }

  /** The claims of a part of a pool. */
  inBlock({ claims }: PoolState, block: Cidr): readonly Claim[] {
    return claims.slice(firstAtLeast(claims, block.base), firstAtLeast(claims, lastOf(block) + 1n));
  }
}

function stateOf(one: PoolUsage, claims: readonly Claim[], networks: readonly Network[]): PoolState {
  const { pool, used } = one;
  const rules = rulesOf(pool, networks);
  const total = rules ? countOf(rules.free) : poolCapacity(pool);
  const percent = total > 0n ? Number((used * 1000n) / total) / 10 : 100;
  const counts = { total: String(total), free: String(total > used ? total - used : 0n) };
  const id = poolSpace(pool);
  const summary = { ...poolRecord(one), ...counts, id, percent, networks: rules?.networks ?? [] };
  return { pool, summary, rules, claims };
}

function searchText({ address, owner, node, network, pool }: Claim): string {
  const who = owner.pod.name === "" ? owner.sandbox : `${podRef(owner.pod)} ${owner.ifname}`;
  return `${formatAddress(address)} ${who} ${node} ${network} ${pool.networkName}`.toLowerCase();
}
