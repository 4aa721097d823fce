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

/** Everything that a store said at one moment, in the shapes in which the page asks for it. */
export class Snapshot {
  readonly revision: string;
  readonly claims: readonly Claim[];
  readonly pools: ReadonlyMap<string, PoolState>;
  readonly findings: readonly Finding[];
  readonly pods: number;
  readonly nodes: number;
  #texts: readonly string[] | undefined;

  /** `claims` in the order of a store: by pool and address. */
  constructor(
    revision: string,
    claims: readonly Claim[],
    usage: readonly PoolUsage[],
    networks: readonly Network[],
    now: number,
  ) {
    this.revision = revision;
    this.claims = claims;
    const byPool = Map.groupBy(claims, ({ pool }) => poolSpace(pool));
    const states = usage.map((one): [string, PoolState] => {
      const id = poolSpace(one.pool);
      const rules = rulesOf(one.pool, networks);
      const total = rules ? countOf(rules.free) : poolCapacity(one.pool);
      const percent = total > 0n ? Number((one.used * 1000n) / total) / 10 : 100;
      const counts = { total: String(total), free: String(total > one.used ? total - one.used : 0n) };
      const summary = { ...poolRecord(one), ...counts, id, percent, networks: rules?.networks ?? [] };
      return [id, { pool: one.pool, summary, rules, claims: byPool.get(id) ?? [] }];
    });
    this.pools = new Map(states);
    this.findings = findingsOf({ claims, pools: usage, networks, now });
    const pods = claims.filter(({ owner }) => owner.pod.name !== "");
    this.pods = new Set(pods.map(({ owner }) => `${owner.pod.namespace}/${owner.pod.name}`)).size;
    this.nodes = new Set(pods.map(({ node }) => node)).size;
  }

  /** Claims whose address, pod, node or network has all the words, in order of pool and address; and how many there are. */
  search(text: string, limit: number): { readonly found: readonly Claim[]; readonly total: number } {
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
      if (claim && found.length < limit) found.push(claim);
    }
    return { found, total };
  }

  /** The claims of a part of a pool. */
  inBlock({ claims }: PoolState, block: Cidr): readonly Claim[] {
    return claims.slice(firstAtLeast(claims, block.base), firstAtLeast(claims, lastOf(block) + 1n));
  }
}

function searchText({ address, owner, node, network, pool }: Claim): string {
  const who = owner.pod.name === "" ? owner.sandbox : `${podRef(owner.pod)} ${owner.ifname}`;
  return `${formatAddress(address)} ${who} ${node} ${network} ${pool.networkName}`.toLowerCase();
}
