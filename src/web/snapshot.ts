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
import { strandedIn } from "./stranded.ts";

/** A pool and what is held of it, ascending by address. */
export type PoolPart = { readonly usage: PoolUsage; readonly claims: readonly Claim[] };

/** What is known besides the claims; `now` in milliseconds since 1970. */
export type Known = {
  readonly networks: readonly Network[];
  readonly isStranded: (claim: Claim) => boolean;
  readonly now: number;
};

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
  /** How many addresses are held. */
  readonly held: number;
  readonly pools: ReadonlyMap<string, PoolState>;
  readonly findings: readonly Finding[];
  readonly pods: number;
  readonly nodes: number;

  private constructor(parts: Pick<Snapshot, "revision" | "pools" | "findings" | "pods" | "nodes">) {
    this.revision = parts.revision;
    this.pools = parts.pools;
    this.findings = parts.findings;
    this.pods = parts.pods;
    this.nodes = parts.nodes;
    this.held = parts.pools.values().reduce((sum, { claims }) => sum + claims.length, 0);
  }

  static empty(): Snapshot {
    return new Snapshot({ revision: "0", pools: new Map(), findings: [], pods: 0, nodes: 0 });
  }

  /** From everything at one moment. */
  static of(revision: string, parts: readonly PoolPart[], { networks, isStranded, now }: Known): Snapshot {
    const states = parts.map(({ usage, claims }) => stateOf(usage, claims, networks));
    const claims = parts.flatMap((part) => part.claims);
    const pods = new Set<string>();
    const nodes = new Set<string>();
    for (const { owner, node } of claims) {
      if (owner.pod.name === "") continue;
      pods.add(`${owner.pod.namespace}/${owner.pod.name}`);
      nodes.add(node);
    }
    return new Snapshot({
      revision,
      pools: new Map(states.map((state) => [state.summary.id, state])),
      findings: [
        ...findingsOf({ claims, pools: parts.map(({ usage }) => usage), networks, now }),
        ...strandedIn(parts, isStranded),
      ],
      pods: pods.size,
      nodes: nodes.size,
    });
  }

  /** With some pools as they are now. What is counted over all of them waits for the next whole reading. */
  with(revision: string, changed: readonly PoolPart[], networks: readonly Network[]): Snapshot {
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
    const found: Claim[] = [];
    let total = 0;
    for (const { claims } of this.pools.values()) {
      for (const [index, text] of textsOf(claims).entries()) {
        if (!words.every((word) => text.includes(word))) continue;
        total++;
        const claim = claims[index];
        if (claim && total > offset && found.length < limit) found.push(claim);
      }
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

/** Only the first search after a change of a pool pays for its texts. */
const texts = new WeakMap<readonly Claim[], readonly string[]>();

function textsOf(claims: readonly Claim[]): readonly string[] {
  const known = texts.get(claims) ?? claims.map(searchText);
  texts.set(claims, known);
  return known;
}

function searchText({ address, owner, node, network, pool }: Claim): string {
  const who = owner.pod.name === "" ? owner.sandbox : `${podRef(owner.pod)} ${owner.ifname}`;
  return `${formatAddress(address)} ${who} ${node} ${network} ${pool.networkName}`.toLowerCase();
}
