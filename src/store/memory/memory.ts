import type { Acquire, AllocationError, Change, Claim, Collect, Outcome } from "../../allocation/claim.ts";
import { type Pod, podRef } from "../../allocation/owner.ts";
import { planAcquire, type View } from "../../allocation/plan.ts";
import { type Pool, poolSpace, type Space, samePool, spacesOf } from "../../allocation/pool.ts";
import { type Address, sameAddress } from "../../ip/address.ts";
import { IntervalSet } from "../../ip/interval-set.ts";
import { ok, type Result } from "../../result.ts";
import { compareClaims, comparePools } from "../order.ts";
import type { ClaimFilter, PoolUsage, Store, StoreError } from "../store.ts";

/** Keeps claims in memory: for tests, simulation, and as the measure of the allocation engine alone. */
export class MemoryStore implements Store, View {
  readonly name = "memory";
  readonly #claims = new Map<string, Claim>();
  readonly #byPod = new Map<string, Set<string>>();
  readonly #bySandbox = new Map<string, Set<string>>();
  readonly #spaces = new Map<Space, IntervalSet>();
  readonly #pools = new Map<Space, Pool>();
  #commits = 0;

  async commit(changes: readonly Change[]): Promise<Result<readonly Outcome[], StoreError>> {
    this.#commits++;
    return ok(changes.map((change) => this.#carryOut(change)));
  }

  async preview(request: Acquire): Promise<Result<AllocationError | undefined, StoreError>> {
    const plan = planAcquire(request, this);
    return ok(plan.ok ? undefined : plan.error);
  }

  async claims(filter: ClaimFilter): Promise<Result<readonly Claim[], StoreError>> {
    const { address, pod, attachment, pool } = filter;
    const fits = ({ owner, address: own, pool: held }: Claim) =>
      (!pool || samePool(pool, held)) &&
      (!address || sameAddress(address, own)) &&
      (!pod || podRef(pod) === podRef(owner.pod)) &&
      (!attachment || (attachment.sandbox === owner.sandbox && attachment.ifname === owner.ifname));
    return ok([...this.#claims.values()].filter(fits).sort(compareClaims));
  }

  async pools(): Promise<Result<readonly PoolUsage[], StoreError>> {
    const usage = [...this.#pools].map(([space, pool]) => ({ pool, used: this.used(space).count }));
    return ok(usage.sort((a, b) => comparePools(a.pool, b.pool)));
  }

  async revision(): Promise<Result<string, StoreError>> {
    return ok(String(this.#commits));
  }

  close(): void {
    this.#claims.clear();
  }

  used(space: Space): IntervalSet {
    const found = this.#spaces.get(space) ?? new IntervalSet();
    this.#spaces.set(space, found);
    return found;
  }

  claimsOf(pod: Pod, ifname: string): readonly Claim[] {
    const keys = this.#byPod.get(podKey(pod, ifname)) ?? [];
    return [...keys].flatMap((key) => this.#claims.get(key) ?? []).sort(compareClaims);
  }

  holder(pool: Pool, address: Address, overlapCheck: boolean): Claim | undefined {
    const own = this.#claims.get(claimKey({ pool, address }));
    if (own || !overlapCheck) return own;
    return [...this.#claims.values()].find(
      (claim) =>
        claim.overlapCheck &&
        claim.pool.networkName === pool.networkName &&
        sameAddress(claim.address, address),
    );
  }

  #carryOut(change: Change): Outcome {
    if (change.kind === "release") {
      const keys = this.#bySandbox.get(attachmentKey(change.sandbox, change.ifname)) ?? [];
      return this.#remove([...keys].flatMap((key) => this.#claims.get(key) ?? []));
    }
    if (change.kind === "collect") {
      return this.#remove([...this.#claims.values()].filter((claim) => isStale(claim, change)));
    }
    const plan = planAcquire(change, this);
    if (!plan.ok) return { kind: "refused", error: plan.error };
    for (const claim of plan.value.renewed) this.#delete(claim);
    for (const claim of [...plan.value.renewed, ...plan.value.created]) this.#put(claim);
    return { kind: "acquired", claims: plan.value.claims, created: plan.value.created.length };
  }

  #remove(claims: readonly Claim[]): Outcome {
    for (const claim of claims) this.#delete(claim);
    return { kind: "released", claims: [...claims].sort(compareClaims) };
  }

  #put(claim: Claim): void {
    const key = claimKey(claim);
    const { owner, pool } = claim;
    this.#claims.set(key, claim);
    addTo(this.#byPod, podKey(owner.pod, owner.ifname), key);
    addTo(this.#bySandbox, attachmentKey(owner.sandbox, owner.ifname), key);
    this.#pools.set(poolSpace(pool), pool);
    for (const space of spacesOf(pool, claim.overlapCheck)) this.used(space).add(claim.address.value);
  }

  #delete({ pool, address }: Claim): void {
    const key = claimKey({ pool, address });
    const claim = this.#claims.get(key);
    if (!claim) return;
    const { owner } = claim;
    this.#claims.delete(key);
    removeFrom(this.#byPod, podKey(owner.pod, owner.ifname), key);
    removeFrom(this.#bySandbox, attachmentKey(owner.sandbox, owner.ifname), key);
    for (const space of spacesOf(pool, claim.overlapCheck)) this.used(space).delete(address.value);
  }
}

/** Whether GC takes the claim back: of this network and node, and of no attachment that still exists. */
function isStale({ owner, network, node }: Claim, collect: Collect): boolean {
  if (network !== collect.network || node !== collect.node) return false;
  return !collect.keep.some(({ sandbox, ifname }) => sandbox === owner.sandbox && ifname === owner.ifname);
}

function claimKey({ pool, address }: Pick<Claim, "pool" | "address">): string {
  return `${address.value.toString(36)}@${poolSpace(pool)}`;
}

function podKey(pod: Pod, ifname: string): string {
  return `${podRef(pod)}/${ifname}`;
}

function attachmentKey(sandbox: string, ifname: string): string {
  return `${sandbox}/${ifname}`;
}

function addTo(index: Map<string, Set<string>>, key: string, value: string): void {
  const found = index.get(key);
  if (found) found.add(value);
  else index.set(key, new Set([value]));
}

function removeFrom(index: Map<string, Set<string>>, key: string, value: string): void {
  const found = index.get(key);
  found?.delete(value);
  if (found?.size === 0) index.delete(key);
}
